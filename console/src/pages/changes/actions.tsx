/** What can be done with a change request now, by whom, and why not. */
import { Alert, Button, Group, List, Menu, Modal, Stack, Text, Textarea, Tooltip } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { ApiError } from "../../api/client";
import type { Change, ChangeAction, PartConflict } from "../../api/review";
import { act, changeKey, conflictsOf, impactQuery } from "../../api/queries-review";
import { Icon } from "../../components/icons";
import { ErrorState } from "../../components/states";
import { count } from "../../format";
import { useText } from "../../i18n";
import { allowedOf, nextAction } from "./model";
import { reasonWords } from "./reasons";

type Doing = Exclude<ChangeAction, "edit" | "comment">;
const BESIDES: Record<Change["state"], readonly Doing[]> = {
  draft: ["rebase", "close"],
  in_review: ["reject", "withdraw", "rebase", "close"],
  approved: ["reject", "withdraw", "rebase", "close"],
  merged: [],
  closed: [],
};

export function ChangeActions({ change, onConflicts }: { change: Change; onConflicts: (conflicts: readonly PartConflict[]) => void }) {
  const { t } = useText();
  const [asked, setAsked] = useState<Doing>();
  const next = nextAction(change.state) as Doing | undefined;
  const besides = BESIDES[change.state];
  if (!next) return null;
  return (
    <>
      {besides.length > 0 && (
        <Menu position="bottom-end" width={270}>
          <Menu.Target>
            <Button variant="default" rightSection={<Icon name="down" size={15} />}>
              {t("change.more")}
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {besides.map((action) => {
              const { allowed, reasons } = allowedOf(change, action);
              return (
                <Menu.Item key={action} disabled={!allowed} onClick={() => setAsked(action)}>
                  {t(`change.action.${action}`)}
                  {!allowed && reasons[0] && (
                    <Text fz="xs" c="dimmed">
                      {reasonWords(reasons[0], t)}
                    </Text>
                  )}
                </Menu.Item>
              );
            })}
          </Menu.Dropdown>
        </Menu>
      )}
      <WithReasons change={change} action={next}>
        <Button disabled={!allowedOf(change, next).allowed} onClick={() => setAsked(next)} leftSection={<Icon name={next === "submit" ? "play" : "check"} size={16} />}>
          {t(`change.action.${next}`)}
        </Button>
      </WithReasons>
      {asked && <ActionDialog key={asked} change={change} action={asked} close={() => setAsked(undefined)} onConflicts={onConflicts} />}
    </>
  );
}

/** A control that says why it is closed: to who points at it and, as text, to who does not. */
function WithReasons({ change, action, children }: { change: Change; action: ChangeAction; children: ReactNode }) {
  const { allowed, reasons } = allowedOf(change, action);
  if (allowed || !reasons.length) return children;
  return (
    <Tooltip multiline maw={360} label={<ReasonList reasons={reasons} />}>
      <span>{children}</span>
    </Tooltip>
  );
}

export function ReasonList({ reasons }: { reasons: readonly string[] }) {
  const { t } = useText();
  if (reasons.length === 1) return <span>{reasonWords(reasons[0] ?? "", t)}</span>;
  return (
    <List size="sm">
      {reasons.map((reason) => (
        <List.Item key={reason}>{reasonWords(reason, t)}</List.Item>
      ))}
    </List>
  );
}

function ActionDialog({ change, action, close, onConflicts }: { change: Change; action: Doing; close: () => void; onConflicts: (conflicts: readonly PartConflict[]) => void }) {
  const { t } = useText();
  const cache = useQueryClient();
  const [comment, setComment] = useState("");
  const doing = useMutation({
    mutationFn: () => act(change, action, comment.trim()),
    onSuccess: async () => {
      await cache.invalidateQueries({ queryKey: ["changes"] });
      close();
    },
    onError: (error) => {
      const conflicts = conflictsOf(error);
      if (conflicts) {
        close();
        onConflicts(conflicts);
      }
      // Somebody else was there: what is shown is not what there is.
      if (error instanceof ApiError && (error.status === 412 || error.status === 409)) void cache.invalidateQueries({ queryKey: changeKey(change.id) });
    },
  });
  const needsWords = action === "reject";
  return (
    <Modal opened onClose={close} size="lg" title={<Text fw={650}>{t(`change.ask.${action}`, { title: change.title })}</Text>} closeButtonProps={{ "aria-label": t("action.cancel") }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!needsWords || comment.trim()) doing.mutate();
        }}
      >
        <Stack>
          <Text fz="sm">{t(`change.ask.${action}.about`)}</Text>
          {action === "merge" && <Effect change={change} />}
          {action !== "rebase" && <Textarea label={t("review.comment")} required={needsWords} autosize minRows={3} value={comment} onChange={(event) => setComment(event.currentTarget.value)} data-autofocus />}
          {doing.isError && <ErrorState error={doing.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {t("action.cancel")}
            </Button>
            <Button type="submit" loading={doing.isPending} disabled={needsWords && !comment.trim()} color={action === "reject" || action === "close" ? "red" : undefined}>
              {t(`change.action.${action}`)}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** What merging would do to events that came lately, once more before it is done. */
function Effect({ change }: { change: Change }) {
  const { t, locale } = useText();
  const replay = useQuery(impactQuery(change.id)).data?.impact.replay;
  if (!replay) return null;
  const fails = replay.estimated_fail;
  return (
    <Alert color={fails > 0 ? "orange" : "teal"} variant="outline" styles={{ title: { color: "var(--mantine-color-text)" } }} title={fails > 0 ? t("merge.fails", { count: count(fails, locale), of: count(replay.population, locale) }) : t("merge.fails.none", { of: count(replay.population, locale) })} />
  );
}
