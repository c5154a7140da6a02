/** The ingest ledger as the equation it must satisfy, per app and environment. */
import { Box, Group, Stack, Text } from "@mantine/core";
import { Fragment } from "react";
import { useSome } from "../../components/some";
import { Panel } from "../../components/states";
import { Icon } from "../../components/icons";
import { count, percent } from "../../format";
import { useText } from "../../i18n";
import { OUTCOME_COLOURS } from "../../theme";
import { accounts, collectorsReceived, OUTCOMES, REMARKS, type Account, type Outcome, type Status } from "./model";

/** How many apps stand on the page at first; those with most traffic come first. */
const APPS = 10;

export function Accounts({ status }: { status: Status }) {
  const { t, locale } = useText();
  const found = accounts(status.ledger);
  const { shown, more } = useSome(found, APPS);
  const transmitted = found.reduce((total, account) => total + account.transmitted, 0);
  return (
    <Panel title={t("home.accounts")} aside={<Reconciled transmitted={transmitted} received={collectorsReceived(status.nodes)} perSecond={status.rates.received_per_s} />}>
      <Stack gap={22}>
        <Text fz="sm" c="dimmed" mt={-8}>
          {t("home.accounts.about")}
        </Text>
        {shown.map((account) => (
          <Equation key={account.key} account={account} />
        ))}
        {more}
        {found.length === 0 && (
          <Text fz="sm" c="dimmed">
            {t("home.accounts.none", { count: count(0, locale) })}
          </Text>
        )}
      </Stack>
    </Panel>
  );
}

const REPORTS_S = 15;

/** The collectors' own count beside the lake's: the two meet when nothing is on its way. */
function Reconciled({ transmitted, received, perSecond }: { transmitted: number; received: number | undefined; perSecond: number }) {
  const { t, locale } = useText();
  if (received === undefined) return null;
  // Nodes report every few seconds, so while it flows either count may be ahead of the other.
  const apart = perSecond * REPORTS_S;
  const [colour, text] =
    received === transmitted
      ? ["teal", t("home.reconciled.equal", { received: count(received, locale) })]
      : received > transmitted - apart
        ? ["gray", t("home.reconciled.under_way", { received: count(received, locale) })]
        : ["gray", t("home.reconciled.restarted", { received: count(received, locale) })];
  return (
    <Group gap={6} wrap="nowrap" c={`light-dark(var(--mantine-color-${colour}-9), var(--mantine-color-${colour}-3))`}>
      {colour === "teal" && <Icon name="check" size={15} />}
      <Text fz="xs" c={colour === "gray" ? "dimmed" : "inherit"} fw={500} className="tp-num" style={{ whiteSpace: "normal" }}>
        {text}
      </Text>
    </Group>
  );
}

function Equation({ account }: { account: Account }) {
  const { t, locale } = useText();
  const remarks = REMARKS.flatMap((kind) => {
    const value = account.remarks[kind];
    return value ? [t(`remark.${kind}`, { count: count(value, locale) })] : [];
  });
  return (
    <Box component="section" aria-label={`${account.app} ${account.env}`}>
      <Group gap={8} mb={6} align="baseline">
        <Text fw={650}>{account.app}</Text>
        <Text fz="xs" c="dimmed">
          {account.env}
        </Text>
      </Group>
      <div className="tp-equation">
        <Term label={t("ledger.transmitted")} value={account.transmitted} strong />
        {OUTCOMES.map((kind, index) => (
          <Fragment key={kind}>
            <span className="tp-sign" aria-hidden="true">
              {index ? "+" : "="}
            </span>
            <Term label={t(`ledger.${kind}`)} value={account.terms[kind]} kind={kind} share={account.transmitted ? account.terms[kind] / account.transmitted : 0} />
          </Fragment>
        ))}
      </div>
      <div className="tp-bar" style={{ marginTop: 10 }} aria-hidden="true">
        {OUTCOMES.filter((kind) => account.terms[kind] > 0).map((kind) => (
          <div key={kind} style={{ flexGrow: account.terms[kind], minWidth: 3, background: mark(kind) }} />
        ))}
      </div>
      {remarks.length > 0 && (
        <Text fz="xs" c="dimmed" mt={8}>
          {t("home.remarks")} {remarks.join(" · ")}
        </Text>
      )}
    </Box>
  );
}

const mark = (kind: Outcome): string => `var(--mantine-color-${OUTCOME_COLOURS[kind] ?? "gray"}-6)`;

function Term({ label, value, kind, share, strong }: { label: string; value: number; kind?: Outcome; share?: number; strong?: boolean }) {
  const { locale } = useText();
  return (
    <div className="tp-term">
      <Group gap={6} wrap="nowrap">
        {kind && <span className="tp-dot" style={{ background: mark(kind) }} />}
        <Text fz={12.5} c="dimmed">
          {label}
        </Text>
      </Group>
      <Group gap={6} align="baseline" wrap="nowrap">
        <Text fz={18} lh="26px" fw={strong ? 700 : 600} className="tp-num" c={value === 0 ? "dimmed" : undefined} data-kind={kind ?? "transmitted"} component="span">
          {count(value, locale)}
        </Text>
        {share !== undefined && value > 0 && (
          <Text fz={11.5} c="dimmed" className="tp-num" component="span">
            {percent(share, locale)}
          </Text>
        )}
      </Group>
    </div>
  );
}
