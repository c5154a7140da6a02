/** A script at work: its limits, its circuit on each worker, what it counted and said last. */
import { Badge, Group, List, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { statusQuery } from "../../api/queries";
import { Panel } from "../../components/states";
import { count, duration } from "../../format";
import { useText } from "../../i18n";
import { scriptsOf, totalsOf } from "./script-model";

const COLOURS = { closed: "teal", half_open: "orange", open: "red" } as const;

// A definition as it travels leaves out what is as usual (rules/ir.py: ScriptText).
const LIMITS = { wall_ms: 2_000, cpu_ms: 1_000, memory_mb: 128 } as const;

export function ScriptLimits({ definition }: { definition: Readonly<Record<string, unknown>> }) {
  const { t } = useText();
  const given = Object.entries(LIMITS).map(([name, usual]) => [name, typeof definition[name] === "number" ? definition[name] : usual] as const);
  return (
    <Panel title={t("defs.limits")}>
      <table className="tp-table">
        <tbody>
          {given.map(([name, value]) => (
            <tr key={name}>
              <th scope="row" className="tp-mono">
                {name}
              </th>
              <td className="right tp-num">{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

export function ScriptAtWork({ name }: { name: string }) {
  const { t, locale } = useText();
  const status = useQuery(statusQuery).data;
  const workers = scriptsOf(status?.nodes ?? [], name);
  const totals = totalsOf(workers.map(({ statistics }) => statistics));
  const messages = [...new Set(workers.flatMap(({ statistics }) => statistics.recent))];
  const figures = [
    [t("defs.script.events"), count(totals.events, locale)],
    [t("defs.script.outputs"), count(totals.outputs, locale)],
    [t("defs.script.batches"), count(totals.batches, locale)],
    [t("defs.script.cpu"), duration(totals.cpu_ms, locale)],
    [t("defs.script.restarts"), count(totals.restarts, locale)],
  ] as const;
  return (
    <Panel title={t("defs.script.work")}>
      {workers.length === 0 ? (
        <Text fz="sm" c="dimmed">
          {t("defs.script.idle")}
        </Text>
      ) : (
        <Stack gap="sm">
          {workers.map(({ node, statistics }) => (
            <Group key={node} gap={8} wrap="nowrap">
              <Badge variant="outline" color={COLOURS[statistics.circuit]} c="var(--mantine-color-text)" style={{ flex: "none" }}>
                {t(`defs.circuit.${statistics.circuit}`)}
              </Badge>
              <Text fz="xs" c="dimmed">
                {node} · {t("rule.version", { version: statistics.version })}
              </Text>
            </Group>
          ))}
          <table className="tp-table">
            <tbody>
              {figures.map(([label, value]) => (
                <tr key={label}>
                  <th scope="row">{label}</th>
                  <td className="right tp-num">{value}</td>
                </tr>
              ))}
              {Object.entries(totals.errors).map(([reason, failed]) => (
                <tr key={reason}>
                  <th scope="row" className="tp-mono">
                    {reason}
                  </th>
                  <td className="right tp-num">{count(failed, locale)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <Text fz="sm" fw={650}>
            {t("defs.script.messages")}
          </Text>
          {messages.length === 0 ? (
            <Text fz="sm" c="dimmed">
              {t("defs.script.messages.none")}
            </Text>
          ) : (
            <List size="xs">
              {messages.map((message) => (
                <List.Item key={message} style={{ overflowWrap: "anywhere" }}>
                  {message}
                </List.Item>
              ))}
            </List>
          )}
        </Stack>
      )}
    </Panel>
  );
}
