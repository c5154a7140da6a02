/** Lag by partition, nodes with what they run under, rules that fail. */
import { Badge, Group, Text, Tooltip } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { Empty, Panel } from "../../components/states";
import { count, duration } from "../../format";
import { useText, type Translate } from "../../i18n";
import type { Locale } from "../../i18n";
import { lagByGroup, lagRows, ruleAccounts, type Status } from "./model";

export function LagPanel({ lag }: { lag: Status["lag"] }) {
  const { t, locale } = useText();
  const rows = lagRows(lag);
  const widest = Math.max(1, ...rows.map((row) => row.partitions.length));
  return (
    <Panel
      flush
      title={t("home.lag")}
      aside={
        <Text fz="xs" c="dimmed">
          {lagByGroup(lag)
            .map(([group, value]) => t("home.lag.group", { group: groupName(group, t), count: count(value, locale) }))
            .join(" · ")}
        </Text>
      }
    >
      {rows.length === 0 ? (
        <Empty title={t("home.lag.none")} />
      ) : (
        <div className="tp-scroll" role="region" aria-label={t("home.lag")} tabIndex={0}>
          <table className="tp-table">
            <thead>
              <tr>
                <th scope="col">{t("home.lag.consumer")}</th>
                <th scope="col">{t("home.lag.topic")}</th>
                {Array.from({ length: widest }, (_, partition) => (
                  <th key={partition} scope="col" className="right">
                    {t("home.lag.partition", { number: partition })}
                  </th>
                ))}
                <th scope="col" className="right">
                  {t("home.lag.total")}
                </th>
                <th scope="col" className="right">
                  {t("home.lag.written")}
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row, index) => (
                <tr key={`${row.group} ${row.topic}`}>
                  <td>{rows[index - 1]?.group === row.group ? "" : groupName(row.group, t)}</td>
                  <td className="tp-mono">{row.topic}</td>
                  {Array.from({ length: widest }, (_, partition) => {
                    const entry = row.partitions[partition];
                    return (
                      <td key={partition} className="right">
                        {entry ? (
                          <Tooltip label={t("home.lag.place", { committed: count(entry.committed, locale), end: count(entry.end, locale) })}>
                            <span style={lagStyle(entry.lag)}>{count(entry.lag, locale)}</span>
                          </Tooltip>
                        ) : (
                          ""
                        )}
                      </td>
                    );
                  })}
                  <td className="right" style={{ fontWeight: 600 }}>
                    {count(row.lag, locale)}
                  </td>
                  <td className="right">{count(row.end, locale)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function groupName(group: string, t: Translate): string {
  return group === "raw" ? t("group.raw") : group === "rules" ? t("group.rules") : group;
}

const lagStyle = (lag: number) => (lag === 0 ? { color: "var(--mantine-color-dimmed)" } : { fontWeight: 650, color: lag > 100 ? "var(--mantine-color-error)" : undefined });

export function NodesPanel({ status }: { status: Status }) {
  const { t, locale } = useText();
  const current = status.nodes.filter((node) => node.connected && node.number >= status.number).length;
  const connected = status.nodes.filter((node) => node.connected).length;
  return (
    <Panel
      flush
      title={t("home.nodes")}
      aside={
        connected > 0 && (
          <Text fz="xs" c="dimmed">
            {t("home.nodes.current", { current, connected, number: status.number })}
          </Text>
        )
      }
    >
      {status.nodes.length === 0 ? (
        <Empty title={t("home.nodes.none")}>{t("home.nodes.none.about")}</Empty>
      ) : (
        <div className="tp-scroll" role="region" aria-label={t("home.nodes")} tabIndex={0}>
          <table className="tp-table">
            <thead>
              <tr>
                <th scope="col">{t("home.nodes.node")}</th>
                <th scope="col">{t("home.nodes.kind")}</th>
                <th scope="col">{t("home.nodes.state")}</th>
                <th scope="col">{t("home.nodes.number")}</th>
                <th scope="col" className="right">
                  {t("home.nodes.uptime")}
                </th>
                <th scope="col">{t("home.nodes.figures")}</th>
              </tr>
            </thead>
            <tbody>
              {status.nodes.map((node) => (
                <tr key={node.node}>
                  <td style={{ fontWeight: 600 }}>{node.node}</td>
                  <td>{kindName(node.kind, t)}</td>
                  <td>
                    <Group gap={7} wrap="nowrap">
                      <span className="tp-dot" style={{ background: `var(--mantine-color-${node.connected ? "teal" : "red"}-6)` }} />
                      {node.connected ? t("home.nodes.connected") : t("home.nodes.gone")}
                    </Group>
                  </td>
                  <td>
                    <Group gap={8} wrap="nowrap">
                      <span className="tp-num">#{node.number}</span>
                      {node.connected && node.number < status.number && (
                        <Badge color="orange" variant="outline" c="var(--mantine-color-text)">
                          {t("home.nodes.behind", { count: status.number - node.number })}
                        </Badge>
                      )}
                    </Group>
                  </td>
                  <td className="right">{node.connected ? duration(node.uptime_s * 1_000, locale) : "–"}</td>
                  <td>
                    <Text fz="xs" c="dimmed" component="span">
                      {figures(node, t, locale)}
                    </Text>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function kindName(kind: string, t: Translate): string {
  return kind === "collector" ? t("kind.collector") : kind === "worker" ? t("kind.worker") : kind;
}

/** A node's own figures, those that people ask for; a node says what it likes, so each is checked. */
function figures(node: Status["nodes"][number], t: Translate, locale: Locale): string {
  const stats: Record<string, unknown> = node.stats;
  const parts: string[] = [];
  if (typeof stats.reason === "string" && stats.reason) parts.push(stats.reason);
  if (typeof stats.received === "number") parts.push(t("figure.received", { count: count(stats.received, locale) }));
  if (typeof stats.append_p99_ms === "number" && stats.append_p99_ms > 0) parts.push(t("figure.append", { time: duration(stats.append_p99_ms, locale) }));
  if (Array.isArray(stats.consumers)) {
    for (const consumer of stats.consumers as Record<string, unknown>[]) {
      if (typeof consumer.group === "string" && typeof consumer.events === "number" && typeof consumer.partitions === "number") {
        parts.push(t("figure.consumer", { group: groupName(consumer.group, t), partitions: consumer.partitions, events: count(consumer.events, locale) }));
      }
    }
  }
  return parts.join(" · ");
}

export function RuleFailures({ rows }: { rows: Status["ledger_rules"] }) {
  const { t, locale } = useText();
  return (
    <Panel title={t("home.rule_failures")}>
      <Group gap="lg">
        {ruleAccounts(rows).map(({ rule, count: failed }) => (
          <Group key={rule} gap={8}>
            <Link className="tp-link" to="/rules/edit/$rule" params={{ rule }}>
              {rule}
            </Link>
            <Text fz="sm" className="tp-num">
              {count(failed, locale)}
            </Text>
          </Group>
        ))}
      </Group>
    </Panel>
  );
}
