/** The same part changed twice, in the branch and in the plan in force: decide one by one, side by side. */
import { Badge, Button, Group, Modal, ScrollArea, SegmentedControl, Stack, Text, UnstyledButton } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Change, PartConflict } from "../../api/review";
import { rebase } from "../../api/queries-review";
import { CodeEditor } from "../../components/code-editor";
import { Icon } from "../../components/icons";
import { ErrorState } from "../../components/states";
import { useText } from "../../i18n";
import { SideBySide } from "../rules/side-by-side";
import { conflictKey, resolutionsOf, type Choice } from "./model";

const TAKES = ["mine", "theirs", "edit"] as const;

export function ConflictsDialog({ change, conflicts, close }: { change: Change; conflicts: readonly PartConflict[]; close: () => void }) {
  const { t } = useText();
  const cache = useQueryClient();
  const [choices, setChoices] = useState<ReadonlyMap<string, Choice>>(new Map());
  const [at, setAt] = useState(0);
  const conflict = conflicts[at] ?? conflicts[0];
  const settle = useMutation({
    mutationFn: () => rebase(change, resolutionsOf(conflicts, choices)),
    onSuccess: async () => {
      await cache.invalidateQueries({ queryKey: ["changes"] });
      close();
    },
  });
  if (!conflict) return null;
  const key = conflictKey(conflict);
  const choice = choices.get(key);
  const choose = (next: Choice) => setChoices(new Map(choices).set(key, next));
  const all = (take: "mine" | "theirs") => setChoices(new Map(conflicts.map((one) => [conflictKey(one), { take }])));
  const settled = conflicts.filter((one) => choices.has(conflictKey(one))).length;
  return (
    <Modal opened onClose={close} size="min(1240px, 96vw)" title={<Text fw={650}>{t("conflicts.title", { count: conflicts.length })}</Text>} closeButtonProps={{ "aria-label": t("action.cancel") }}>
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
          <ScrollArea.Autosize mah="52vh" className="tp-panel" p={6}>
            {conflicts.map((one, index) => (
              <UnstyledButton key={conflictKey(one)} className="tp-file" onClick={() => setAt(index)} aria-current={index === at || undefined} style={index === at ? { background: "var(--tp-hover)" } : undefined}>
                <Icon name={choices.has(conflictKey(one)) ? "check" : "warning"} size={15} />
                <Text span fz="sm" className="tp-mono" truncate flex={1}>
                  {one.name}
                </Text>
                {choices.has(conflictKey(one)) && (
                  <Badge size="xs" variant="default">
                    {t(`conflicts.${choices.get(conflictKey(one))?.take ?? "mine"}`)}
                  </Badge>
                )}
              </UnstyledButton>
            ))}
          </ScrollArea.Autosize>
          <Stack gap="sm" key={key}>
            <SideBySide left={{ title: t("conflicts.theirs_title"), text: conflict.theirs ?? t("conflicts.removed") }} right={{ title: t("conflicts.mine_title"), text: conflict.yours ?? t("conflicts.removed") }} />
            <SegmentedControl
              aria-label={t("conflicts.choose", { name: conflict.name })}
              value={choice?.take ?? ""}
              onChange={(take) => choose(take === "edit" ? { take: "edit", text: conflict.yours ?? conflict.theirs ?? "" } : { take: take as "mine" | "theirs" })}
              data={TAKES.map((value) => ({ value, label: t(`conflicts.take.${value}`) }))}
            />
            {choice?.take === "edit" && (
              <div className="tp-panel">
                <CodeEditor language="yaml" label={t("conflicts.edit_title")} value={choice.text} onChange={(text) => choose({ take: "edit", text })} minHeight={140} maxHeight="34vh" />
              </div>
            )}
          </Stack>
        </div>
        {settle.isError && <ErrorState error={settle.error} />}
        <Group justify="flex-end">
          <Text fz="sm" c="dimmed" role="status">
            {t("conflicts.settled", { settled, count: conflicts.length })}
          </Text>
          <Button variant="default" onClick={close}>
            {t("action.cancel")}
          </Button>
          <Button disabled={settled < conflicts.length} loading={settle.isPending} onClick={() => settle.mutate()}>
            {t("conflicts.settle")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
