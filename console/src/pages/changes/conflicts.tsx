/** Parts that were changed twice, in the branch and in the plan in force: decide one by one, side by side. */
import { Badge, Button, Group, Modal, SegmentedControl, Stack, Text, UnstyledButton } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { partQuery, partInForceQuery, rebase } from "../../api/queries-review";
import type { Change, PartConflict } from "../../api/review";
import { CodeEditor } from "../../components/code-editor";
import { Icon } from "../../components/icons";
import { ErrorState, Loading } from "../../components/states";
import { useText } from "../../i18n";
import { SideBySide } from "../rules/side-by-side";
import { conflictKey, contestedParts, settlementOf, type Choice, type Contested } from "./model";

const TAKES = ["mine", "theirs", "edit"] as const;

export function ConflictsDialog({ change, conflicts, close }: { change: Change; conflicts: readonly PartConflict[]; close: () => void }) {
  const { t } = useText();
  const cache = useQueryClient();
  const parts = contestedParts(conflicts);
  const [choices, setChoices] = useState<ReadonlyMap<string, Choice>>(new Map());
  const [at, setAt] = useState(0);
  const part = parts[at] ?? parts[0];
  const settle = useMutation({
    mutationFn: async () => {
      const mine = new Map<string, string | null>();
      for (const one of parts) mine.set(conflictKey(one), (await cache.query(partQuery(change.id, one.section as "events", one.name))).text);
      return rebase(change, settlementOf(parts, choices, (one) => mine.get(conflictKey(one)) ?? null));
    },
    onSuccess: async () => {
      await cache.invalidateQueries({ queryKey: ["changes"] });
      close();
    },
  });
  if (!part) return null;
  const choose = (one: Contested, next: Choice) => setChoices(new Map(choices).set(conflictKey(one), next));
  const all = (take: "mine" | "theirs") => setChoices(new Map(parts.map((one) => [conflictKey(one), { take }])));
  const settled = parts.filter((one) => choices.has(conflictKey(one))).length;
  return (
    <Modal opened onClose={close} size="min(1240px, 96vw)" title={<Text fw={650}>{t("conflicts.title", { count: parts.length })}</Text>} closeButtonProps={{ "aria-label": t("action.cancel") }}>
      <Stack>
        <Group justify="space-between">
          <Text fz="sm" maw={700}>
            {t("conflicts.about", { base: change.base, current: change.current ?? 0 })}
          </Text>
          <Group gap="xs">
            <Button size="xs" variant="default" onClick={() => all("mine")}>
              {t("conflicts.all_mine")}
            </Button>
            <Button size="xs" variant="default" onClick={() => all("theirs")}>
              {t("conflicts.all_theirs")}
            </Button>
          </Group>
        </Group>
        <div className="tp-files">
          <div className="tp-panel" style={{ padding: 6, maxHeight: "56vh", overflow: "auto" }}>
            {parts.map((one, index) => {
              const taken = choices.get(conflictKey(one))?.take;
              return (
                <UnstyledButton key={conflictKey(one)} className="tp-file" onClick={() => setAt(index)} aria-current={index === at || undefined} style={index === at ? { background: "var(--tp-hover)" } : undefined}>
                  <Icon name={taken ? "check" : "warning"} size={15} />
                  <Text span fz="sm" className="tp-mono" truncate flex={1}>
                    {one.name || one.section}
                  </Text>
                  {taken && (
                    <Badge size="xs" variant="default">
                      {t(`conflicts.${taken}`)}
                    </Badge>
                  )}
                </UnstyledButton>
              );
            })}
          </div>
          <OnePart key={conflictKey(part)} change={change} part={part} choice={choices.get(conflictKey(part))} choose={(next) => choose(part, next)} />
        </div>
        {settle.isError && <ErrorState error={settle.error} />}
        <Group justify="flex-end">
          <Text fz="sm" c="dimmed" role="status">
            {t("conflicts.settled", { settled, count: parts.length })}
          </Text>
          <Button variant="default" onClick={close}>
            {t("action.cancel")}
          </Button>
          <Button disabled={settled < parts.length} loading={settle.isPending} onClick={() => settle.mutate()}>
            {t("conflicts.settle")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

function OnePart({ change, part, choice, choose }: { change: Change; part: Contested; choice: Choice | undefined; choose: (choice: Choice) => void }) {
  const { t } = useText();
  const section = part.section as "events";
  const mine = useQuery(partQuery(change.id, section, part.name));
  const theirs = useQuery(partInForceQuery(change.app, section, part.name));
  return (
    <Stack gap="sm">
      <Stack gap={4} component="ul" m={0} p={0} style={{ listStyle: "none" }}>
        {part.keys.map((key) => (
          <Group component="li" key={key.path} gap={8} align="baseline">
            <span className="tp-mono" style={{ fontWeight: 600 }}>
              {key.path || t("diff.whole")}
            </span>
            <span className="tp-mono">
              {t("conflicts.theirs")}: {short(key.theirs) || t("conflicts.removed")}
            </span>
            <span className="tp-mono">
              {t("conflicts.mine")}: {short(key.yours) || t("conflicts.removed")}
            </span>
          </Group>
        ))}
      </Stack>
      {mine.isPending || theirs.isPending ? (
        <Loading rows={6} />
      ) : mine.isError || theirs.isError ? (
        <ErrorState error={mine.error ?? theirs.error} />
      ) : (
        <SideBySide left={{ title: t("conflicts.theirs_title"), text: theirs.data ?? t("conflicts.removed") }} right={{ title: t("conflicts.mine_title"), text: mine.data.text ?? t("conflicts.removed") }} />
      )}
      <SegmentedControl
        aria-label={t("conflicts.choose", { name: part.name })}
        value={choice?.take ?? ""}
        onChange={(take) => choose(take === "edit" ? { take: "edit", text: mine.data?.text ?? theirs.data ?? "" } : { take: take === "mine" ? "mine" : "theirs" })}
        data={TAKES.map((value) => ({ value, label: t(`conflicts.take.${value}`) }))}
      />
      {choice?.take === "edit" && (
        <div className="tp-panel">
          <CodeEditor language="yaml" label={t("conflicts.edit_title")} value={choice.text} onChange={(text) => choose({ take: "edit", text })} minHeight={140} maxHeight="34vh" />
        </div>
      )}
    </Stack>
  );
}

const short = (text: string | null): string => (text ?? "").trim().replaceAll(/\s+/g, " ").slice(0, 90);
