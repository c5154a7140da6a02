/** After publishing: who has taken the new number, until everyone has. */
import { Group, List, Loader, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, data, type Schemas } from "../../api/client";
import { Icon } from "../../components/icons";
import { duration } from "../../format";
import { useText } from "../../i18n";

const ASK_EVERY_MS = 250;
const GIVE_UP_MS = 60_000;

export interface Progress {
  nodes: number;
  taken: number;
  /** How long until the last node that is connected had it; undefined until then. */
  ms: number | undefined;
  nacks: { node: string; resource: string; message: string }[];
}

/** Count the connected nodes that run under a number. */
export function progressOf(ruleset: Schemas["Ruleset"]): Progress {
  const nodes = ruleset.nodes.filter((node) => node.connected);
  const taken = nodes.filter((node) => node.number >= ruleset.number || node.acknowledged_at !== null);
  const all = nodes.length > 0 && taken.length === nodes.length;
  return {
    nodes: nodes.length,
    taken: taken.length,
    ms: all ? Math.max(0, ...taken.map((node) => node.effective_ms ?? 0)) : undefined,
    nacks: ruleset.nodes.flatMap((node) => node.nacks.map((nack) => ({ node: node.node, ...nack }))),
  };
}

export function Effective({ number, what }: { number: number; what: "published" | "deleted" }) {
  const { t, locale } = useText();
  const ruleset = useQuery({
    queryKey: ["rulesets", number],
    queryFn: ({ signal }) => data(api.GET("/api/v1/rulesets/{number}", { params: { path: { number } }, signal })),
    refetchInterval: ({ state }) => {
      const known = state.data;
      if (!known) return ASK_EVERY_MS;
      const { ms } = progressOf(known);
      return ms === undefined && Date.now() - known.published_at < GIVE_UP_MS ? ASK_EVERY_MS : false;
    },
  });
  const progress = ruleset.data ? progressOf(ruleset.data) : undefined;
  const done = progress?.ms !== undefined;
  const refused = (progress?.nacks.length ?? 0) > 0;
  const colour = refused ? "red" : done ? "teal" : "blue";
  return (
    <div className="tp-panel" role="status" style={{ borderLeft: `4px solid var(--mantine-color-${colour}-6)`, padding: "12px 16px" }} data-testid="effective">
      <Group gap={10} wrap="nowrap">
        {done || refused ? <Icon name={refused ? "dirty" : "check"} /> : <Loader size={16} />}
        <div>
          <Text fz="sm" fw={600} className="tp-num" style={{ whiteSpace: "normal" }}>
            {!progress
              ? t(`effective.${what}`, { number })
              : progress.nodes === 0
                ? t("effective.nobody", { number })
                : done
                  ? t("effective.done", { taken: progress.taken, nodes: progress.nodes, time: duration(progress.ms ?? 0, locale) })
                  : t("effective.waiting", { taken: progress.taken, nodes: progress.nodes })}
          </Text>
          <Text fz="xs" c="dimmed">
            {t(`effective.${what}`, { number })}
          </Text>
          {progress && refused && (
            <List size="sm" mt={6}>
              {progress.nacks.map((nack) => (
                <List.Item key={`${nack.node} ${nack.resource}`}>{t("effective.nack", { node: nack.node, resource: nack.resource, message: nack.message })}</List.Item>
              ))}
            </List>
          )}
        </div>
      </Group>
    </div>
  );
}
