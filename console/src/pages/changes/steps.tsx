/** How far a change request is: draft, in review, approved, merged, effective on every node. */
import { Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, data } from "../../api/client";
import type { Change } from "../../api/review";
import { Icon } from "../../components/icons";
import { duration, moment } from "../../format";
import { useText } from "../../i18n";
import { progressOf } from "../rules/effective";
import { stepsOf } from "./model";

const ASK_EVERY_MS = 250;
const GIVE_UP_MS = 60_000;

export function Steps({ change }: { change: Change }) {
  const { t, locale } = useText();
  const number = change.number ?? 0;
  const ruleset = useQuery({
    queryKey: ["rulesets", number],
    queryFn: ({ signal }) => data(api.GET("/api/v1/rulesets/{number}", { params: { path: { number } }, signal })),
    enabled: change.state === "merged" && number > 0,
    retry: false,
    refetchInterval: ({ state }) => (state.data && progressOf(state.data).ms === undefined && Date.now() - state.data.published_at < GIVE_UP_MS ? ASK_EVERY_MS : false),
  });
  const progress = ruleset.data && progressOf(ruleset.data);
  const effectiveAt = ruleset.data && progress?.ms !== undefined ? ruleset.data.published_at + progress.ms : null;
  const steps = stepsOf(change, effectiveAt);
  return (
    <ol className="tp-steps" data-testid="steps">
      {steps.map((step, index) => {
        const label = step.id === "effective" ? t("change.step.effective") : t(`change.state.${step.id}`);
        const about =
          step.id === "effective" && progress && progress.nodes > 0
            ? progress.ms === undefined
              ? t("effective.waiting", { taken: progress.taken, nodes: progress.nodes })
              : t("change.step.nodes", { taken: progress.taken, nodes: progress.nodes, time: duration(progress.ms, locale) })
            : step.id === "merged" && change.merged_revision !== null
              ? t("change.step.revision", { revision: change.merged_revision })
              : step.at !== null && step.state !== "waits"
                ? moment(step.at, locale, "short")
                : "";
        return (
          <li key={step.id} data-state={step.state} aria-current={step.state === "now" ? "step" : undefined}>
            <Group gap={9} wrap="nowrap">
              <span className="tp-step-mark">{step.state === "done" ? <Icon name="check" size={14} /> : index + 1}</span>
              <div>
                <Text fz="sm" fw={step.state === "now" ? 700 : 600} lh={1.3}>
                  {label}
                </Text>
                <Text fz="xs" c="dimmed" lh={1.3}>
                  {about || "\u00a0"}
                </Text>
              </div>
            </Group>
          </li>
        );
      })}
      {change.state === "closed" && (
        <li data-state="now">
          <Group gap={9} wrap="nowrap">
            <span className="tp-step-mark">
              <Icon name="cross" size={14} />
            </span>
            <div>
              <Text fz="sm" fw={700} lh={1.3}>
                {t("change.state.closed")}
              </Text>
              <Text fz="xs" c="dimmed" lh={1.3}>
                {change.closed_at !== null ? moment(change.closed_at, locale, "short") : "\u00a0"}
              </Text>
            </div>
          </Group>
        </li>
      )}
    </ol>
  );
}
