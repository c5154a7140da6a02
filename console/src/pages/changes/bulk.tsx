/** Approve several change requests at once; each answers for itself. */
import { Button, Group, Modal, Stack, Text, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Change } from "../../api/review";
import { approveAll } from "../../api/queries-review";
import { Icon } from "../../components/icons";
import { ErrorState } from "../../components/states";
import { useText } from "../../i18n";
import { reasonWords } from "./reasons";
import { ChangeSize } from "./parts";

export function BulkApproval({ changes, close }: { changes: readonly Change[]; close: () => void }) {
  const { t } = useText();
  const cache = useQueryClient();
  const [comment, setComment] = useState("");
  const approve = useMutation({
    mutationFn: () => approveAll(changes, comment),
    onSettled: () => void cache.invalidateQueries({ queryKey: ["changes"] }),
  });
  const outcomes = new Map((approve.data?.items ?? []).map((one) => [one.change, one]));
  return (
    <Modal opened onClose={close} size="lg" title={<Text fw={650}>{t("bulk.title", { count: changes.length })}</Text>} closeButtonProps={{ "aria-label": t("action.close") }}>
      <Stack>
        <Text fz="sm" c="dimmed">
          {t("bulk.about")}
        </Text>
        <Stack component="ul" gap={0} m={0} p={0} className="tp-panel" style={{ listStyle: "none", maxHeight: "44vh", overflow: "auto" }}>
          {changes.map((change) => {
            const outcome = outcomes.get(change.id);
            return (
              <li key={change.id} className="tp-finding">
                <Group justify="space-between" wrap="nowrap">
                  <Text fz="sm" fw={600} style={{ overflowWrap: "anywhere" }}>
                    {change.title}{" "}
                    <Text span fz="xs" c="dimmed" fw={400}>
                      #{change.id} · {change.app}
                    </Text>
                  </Text>
                  {outcome ? (
                    <Group gap={6} wrap="nowrap" role="status">
                      <Icon name={outcome.approved.length ? "check" : "cross"} size={16} />
                      <Text span fz="sm" c={outcome.approved.length ? undefined : "var(--mantine-color-error)"}>
                        {outcome.approved.length ? t("bulk.approved", { count: outcome.approved.length, waiting: outcome.waiting }) : reasonWords(outcome.error || (Object.values(outcome.refused)[0] ?? ""), t) || t("bulk.nothing")}
                      </Text>
                    </Group>
                  ) : (
                    <ChangeSize change={change} />
                  )}
                </Group>
              </li>
            );
          })}
        </Stack>
        {!approve.data && <Textarea label={t("review.comment")} autosize minRows={2} value={comment} onChange={(event) => setComment(event.currentTarget.value)} />}
        {approve.isError && <ErrorState error={approve.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            {approve.data ? t("action.close") : t("action.cancel")}
          </Button>
          {!approve.data && (
            <Button onClick={() => approve.mutate()} loading={approve.isPending} data-autofocus>
              {t("changes.approve_chosen")}
            </Button>
          )}
        </Group>
      </Stack>
    </Modal>
  );
}
