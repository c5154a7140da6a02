/** Where rows are delivered, and which receivers are down. */
import { Alert, Badge, Text, Tooltip } from "@mantine/core";
import { Panel } from "../../components/states";
import { count, moment } from "../../format";
import { useText } from "../../i18n";
import type { Status } from "./model";

const COLOURS = { ok: "teal", retrying: "orange", paused: "red", absent: "gray" } as const;

export function SinksPanel({ sinks }: { sinks: Status["sinks"] }) {
  const { t, locale } = useText();
  const paused = sinks.filter((sink) => sink.state === "paused");
  return (
    <>
      {paused.length > 0 && (
        <Alert color="red" variant="outline" role="alert" title={t("home.sinks.paused", { count: paused.length })}>
          {t("home.sinks.paused.about", { names: paused.map((sink) => sink.dataset).join(", ") })}
        </Alert>
      )}
      <Panel flush title={t("home.sinks")}>
        <div className="tp-scroll" role="region" aria-label={t("home.sinks")} tabIndex={0}>
          <table className="tp-table">
            <thead>
              <tr>
                <th scope="col">{t("home.sinks.dataset")}</th>
                <th scope="col">{t("home.sinks.connector")}</th>
                <th scope="col">{t("home.sinks.state")}</th>
                <th scope="col" className="right">
                  {t("home.sinks.delivered")}
                </th>
                <th scope="col" className="right">
                  {t("home.sinks.waiting")}
                </th>
                <th scope="col" className="right">
                  {t("home.sinks.refused")}
                </th>
                <th scope="col">{t("home.sinks.error")}</th>
              </tr>
            </thead>
            <tbody>
              {sinks.map((sink) => (
                <tr key={sink.dataset}>
                  <td className="tp-mono">{sink.dataset}</td>
                  <td>{sink.connector}</td>
                  <td>
                    <Tooltip label={sink.since ? moment(sink.since, locale) : ""} disabled={!sink.since}>
                      <Badge variant="outline" color={COLOURS[sink.state]} c="var(--mantine-color-text)" leftSection={<span className="tp-dot" style={{ background: `var(--mantine-color-${COLOURS[sink.state]}-6)` }} />}>
                        {t(`home.sinks.state.${sink.state}`)}
                      </Badge>
                    </Tooltip>
                  </td>
                  <td className="right">{count(sink.delivered, locale)}</td>
                  <td className="right">{count(sink.waiting, locale)}</td>
                  <td className="right">{count(sink.refused, locale)}</td>
                  <td>
                    <Text fz="xs" c="dimmed" lineClamp={2} maw={420}>
                      {sink.error}
                    </Text>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Panel>
    </>
  );
}
