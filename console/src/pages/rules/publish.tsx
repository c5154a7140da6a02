/** Before a rule goes out: why, how, and what it will cost. */
import { Button, Checkbox, Group, Modal, Radio, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import type { Schemas } from "../../api/client";
import { useText } from "../../i18n";
import { BudgetPanel } from "./panels";

export interface PublishWish {
  reason: string;
  acceptCost: boolean;
  guard: boolean;
}

interface PublishDialogProps {
  rule: string;
  exists: boolean;
  admin: boolean;
  budget: Schemas["Budget"] | null | undefined;
  busy: boolean;
  close: () => void;
  publish: (wish: PublishWish) => void;
  /** Go to the shadow and canary tab instead. */
  tryFirst: () => void;
}

export function PublishDialog({ rule, exists, admin, budget, busy, close, publish, tryFirst }: PublishDialogProps) {
  const { t } = useText();
  const [how, setHow] = useState("now");
  const [reason, setReason] = useState("");
  const [guard, setGuard] = useState(true);
  const [acceptCost, setAcceptCost] = useState(false);
  const over = budget?.verdict === "refuse";
  return (
    <Modal opened onClose={close} size="lg" title={<Text fw={650}>{t("rule.publish.title", { rule })}</Text>} closeButtonProps={{ "aria-label": t("action.cancel") }}>
      <Stack>
        <TextInput data-autofocus label={t("rule.publish.reason")} value={reason} onChange={(change) => setReason(change.currentTarget.value)} />
        {exists && (
          <Radio.Group label={t("rule.publish.how")} value={how} onChange={setHow}>
            <Stack gap={6} pt={6}>
              <Radio value="now" label={t("rule.publish.now")} />
              {how === "now" && <Checkbox ml={28} checked={guard} onChange={(change) => setGuard(change.currentTarget.checked)} label={t("rule.publish.guard")} />}
              <Radio value="shadow" label={t("rule.publish.shadow")} />
              <Radio value="canary" label={t("rule.publish.canary")} />
            </Stack>
          </Radio.Group>
        )}
        <BudgetPanel budget={budget} />
        {over && admin && <Checkbox checked={acceptCost} onChange={(change) => setAcceptCost(change.currentTarget.checked)} label={t("rule.budget.accept")} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            {t("action.cancel")}
          </Button>
          <Button loading={busy} disabled={how === "now" && over && !acceptCost} onClick={() => (how === "now" ? publish({ reason, acceptCost, guard: exists && guard }) : tryFirst())}>
            {how === "now" ? t("rule.publish") : t("rule.tab.shadow")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
