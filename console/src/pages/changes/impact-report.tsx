/** What a proposed plan would do to traffic, consumers and cost: pictures first, then every case. */
import { Badge, Box, Group, SegmentedControl, SimpleGrid, Stack, Text, UnstyledButton } from "@mantine/core";
import { useState, type ReactNode } from "react";
import type { Impact, Replayed, Touched } from "../../api/review";
import { FindingText } from "../../components/finding";
import { Icon } from "../../components/icons";
import { Json } from "../../components/json";
import { Person } from "../../components/person";
import { Empty, Panel } from "../../components/states";
import { bytes, count, moment, percent } from "../../format";
import { useText } from "../../i18n";
import { said, sentence } from "../../i18n/said";
import { adviceOf, barsOf, platformsOf, touchedOf, type Bar, type Measure } from "./impact-model";

const TONES = ["indigo", "teal", "orange", "grape", "cyan", "pink", "lime", "gray"] as const;
const HOW_TONES = { broken: "red", altered: "orange", touched: "gray" } as const;

export function ImpactReport({ impact }: { impact: Impact }) {
  const { t, locale } = useText();
  const { replay } = impact;
  const touched = touchedOf(impact);
  const altered = touched.filter((one) => one.how === "altered").length;
  const events = impact.volume.reduce((sum, one) => sum + (one.per_day ?? 0), 0);
  return (
    <Stack gap="md">
      <SimpleGrid cols={{ base: 2, md: 4 }} spacing="md">
        <Figure label={t("impact.newly_fail")} value={count(replay.estimated_fail, locale)} tone={replay.estimated_fail > 0 ? "red" : "teal"} about={replay.population > 0 ? t("impact.of_window", { share: percent(replay.estimated_fail / replay.population, locale), count: count(replay.population, locale) }) : t("impact.no_traffic")} />
        <Figure label={t("impact.newly_pass")} value={count(replay.estimated_pass, locale)} tone="teal" about={t("impact.still_fail", { count: count(replay.still_fail, locale) })} />
        <Figure label={t("impact.broken")} value={count(impact.broken, locale)} tone={impact.broken > 0 ? "red" : "teal"} about={t("impact.altered", { altered: count(altered, locale), touched: count(touched.length - altered - impact.broken, locale) })} />
        <Figure label={t("impact.bytes")} value={impact.bytes_per_day === null ? "–" : `${impact.bytes_per_day >= 0 ? "+" : "−"}${bytes(Math.abs(impact.bytes_per_day), locale)}`} about={impact.volume.length ? t("impact.volume", { count: count(events, locale) }) : t("impact.volume.none")} />
      </SimpleGrid>
      <Next impact={impact} />
      <Failures replay={replay} />
      <Violations replay={replay} />
      <Consumers touched={touched} />
      {impact.volume.length > 0 && <Volume impact={impact} />}
      <Basis replay={replay} notes={impact.notes} />
    </Stack>
  );
}

function Figure({ label, value, about, tone }: { label: string; value: string; about: string; tone?: string }) {
  return (
    <div className="tp-panel" style={{ padding: "14px 18px", ...(tone && { borderTop: `3px solid var(--mantine-color-${tone}-6)` }) }}>
      <Text fz="sm" c="dimmed">
        {label}
      </Text>
      <Text fz={28} fw={700} lh={1.25} className="tp-num">
        {value}
      </Text>
      <Text fz="xs" c="dimmed">
        {about}
      </Text>
    </div>
  );
}

function Next({ impact }: { impact: Impact }) {
  const { t } = useText();
  const advice = adviceOf(impact);
  const fine = advice.every((one) => one === "fine" || one === "no_traffic");
  return (
    <div className="tp-panel" style={{ padding: "14px 18px", borderLeft: `4px solid var(--mantine-color-${fine ? "teal" : "orange"}-6)` }} role="note">
      <Text fz="sm" fw={650} mb={4}>
        {t("impact.next")}
      </Text>
      <Stack gap={4} component="ul" m={0} p={0} style={{ listStyle: "none" }}>
        {advice.map((one) => (
          <Text component="li" key={one} fz="sm">
            {t(`impact.advice.${one}`)}
          </Text>
        ))}
      </Stack>
    </div>
  );
}

/** How many events would fail, by app version, stacked by platform. */
function Failures({ replay }: { replay: Replayed }) {
  const { t, locale } = useText();
  const [measure, setMeasure] = useState<Measure>("fail");
  const bars = barsOf(replay.segments, measure);
  const platforms = platformsOf(replay.segments, measure);
  const widest = Math.max(1, ...bars.map((bar) => bar.total));
  const tone = (platform: string) => TONES[Math.min(platforms.indexOf(platform), TONES.length - 1)] ?? "gray";
  return (
    <Panel title={t(`impact.by_version.${measure}`)} aside={<SegmentedControl size="xs" aria-label={t("impact.measure")} value={measure} onChange={(value) => setMeasure(value)} data={(["fail", "pass"] as const).map((value) => ({ value, label: t(`impact.measure.${value}`) }))} />}>
      {bars.length === 0 ? (
        <Empty title={t(`impact.by_version.${measure}.none`)}>{replay.sampled > 0 ? t("impact.by_version.sampled", { count: count(replay.sampled, locale) }) : t("impact.no_traffic.about")}</Empty>
      ) : (
        <Stack gap="sm">
          <Group gap="md">
            {platforms.map((platform) => (
              <Group key={platform} gap={6} wrap="nowrap">
                <span className="tp-dot" style={{ background: bar(tone(platform)), borderRadius: 2 }} />
                <Text span fz="xs">
                  {platform || t("impact.no_platform")}
                </Text>
              </Group>
            ))}
          </Group>
          <table className="tp-bars">
            <caption className="tp-hidden">{t(`impact.by_version.${measure}`)}</caption>
            <thead className="tp-hidden">
              <tr>
                <th scope="col">{t("impact.version")}</th>
                <th scope="col">{t("impact.events")}</th>
                <th scope="col">{t("impact.count")}</th>
              </tr>
            </thead>
            <tbody>
              {bars.map((one) => (
                <tr key={one.label ?? "rest"}>
                  <th scope="row">{versionName(one, t("impact.no_version"), t("impact.other_versions"))}</th>
                  <td>
                    <div className="tp-bars-bar" style={{ width: one.total > 0 ? `${Math.max(1, (one.total / widest) * 100)}%` : 0 }}>
                      {one.parts.map((part) => part.count > 0 && <span key={part.platform} title={`${part.platform || t("impact.no_platform")}: ${count(part.count, locale)}`} style={{ flexGrow: part.count, background: bar(tone(part.platform)) }} />)}
                    </div>
                  </td>
                  <td className="right">
                    {count(one.total, locale)}
                    <Text span fz="xs" c="dimmed" ml={8}>
                      {one.population > 0 && percent(one.total / one.population, locale)}
                    </Text>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Stack>
      )}
    </Panel>
  );
}

const bar = (tone: string): string => `light-dark(var(--mantine-color-${tone}-6), var(--mantine-color-${tone}-5))`;
const versionName = (one: Bar, none: string, rest: string): string => (one.label === null ? rest : one.label || none);

/** Which constraints would be broken, and by what: samples stand under each, masked. */
function Violations({ replay }: { replay: Replayed }) {
  const { t, locale } = useText();
  const [open, setOpen] = useState<string>();
  if (replay.failing.length === 0) return null;
  return (
    <Panel flush title={t("impact.violations")}>
      <div className="tp-scroll" role="region" aria-label={t("impact.violations")} tabIndex={0}>
        <table className="tp-table">
          <thead>
            <tr>
              <th scope="col">{t("impact.code")}</th>
              <th scope="col">{t("impact.pointer")}</th>
              <th scope="col" className="right">{t("impact.in_sample")}</th>
              <th scope="col" className="right">{t("impact.estimated")}</th>
              <th scope="col">{t("impact.samples")}</th>
            </tr>
          </thead>
          <tbody>
            {replay.failing.map((failure) => {
              const key = `${failure.code} ${failure.pointer}`;
              const samples = replay.samples.filter((sample) => sample.violations.some((violation) => violation.code === failure.code && (violation.pointer ?? "") === failure.pointer));
              const shown = open === key;
              return [
                <tr key={key}>
                  <td>
                    <Badge variant="default" className="tp-mono">
                      {failure.code}
                    </Badge>
                  </td>
                  <td className="tp-mono">{failure.pointer || "–"}</td>
                  <td className="right">{count(failure.count, locale)}</td>
                  <td className="right" style={{ fontWeight: 650 }}>
                    {count(failure.estimated, locale)}
                  </td>
                  <td>
                    {samples.length > 0 && (
                      <UnstyledButton className="tp-link" fz="sm" aria-expanded={shown} onClick={() => setOpen(shown ? undefined : key)}>
                        <Group gap={4} wrap="nowrap">
                          <span style={{ display: "inline-flex", transform: shown ? "rotate(90deg)" : undefined }}>
                            <Icon name="chevron" size={14} />
                          </span>
                          {t("impact.samples.count", { count: samples.length })}
                        </Group>
                      </UnstyledButton>
                    )}
                  </td>
                </tr>,
                shown && (
                  <tr key={`${key} samples`}>
                    <td colSpan={5} style={{ background: "var(--tp-hover)" }}>
                      <Stack gap="sm" py={6}>
                        {samples.slice(0, 5).map((sample) => (
                          <Sample key={`${sample.id} ${sample.at}`} sample={sample} />
                        ))}
                      </Stack>
                    </td>
                  </tr>
                ),
              ];
            })}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

function Sample({ sample }: { sample: Replayed["samples"][number] }) {
  const { t, locale } = useText();
  return (
    <Box>
      <Group gap={8} mb={4}>
        <Text span fz="sm" fw={650} className="tp-mono">
          {sample.event}
        </Text>
        <Text span fz="xs" c="dimmed">
          {[sample.platform, sample.version, moment(sample.at, locale)].filter(Boolean).join(" · ")}
        </Text>
      </Group>
      {sample.violations.map((violation, index) => (
        <Text key={index} fz="sm" style={{ overflowWrap: "anywhere" }}>
          {said(violation)}
        </Text>
      ))}
      <Box mt={6}>
        <Json label={t("impact.sample.values")} value={sample.what} />
      </Box>
    </Box>
  );
}

/** Rules, metrics, saved queries and clients that the change concerns. */
function Consumers({ touched }: { touched: readonly Touched[] }) {
  const { t } = useText();
  const [all, setAll] = useState(false);
  const shown = all ? touched : touched.slice(0, 20);
  return (
    <Panel flush title={t("impact.consumers")}>
      {touched.length === 0 ? (
        <Empty title={t("impact.consumers.none")}>{t("impact.consumers.none.about")}</Empty>
      ) : (
        <>
          <div className="tp-scroll" role="region" aria-label={t("impact.consumers")} tabIndex={0}>
            <table className="tp-table">
              <thead>
                <tr>
                  <th scope="col">{t("impact.how")}</th>
                  <th scope="col">{t("impact.consumer")}</th>
                  <th scope="col">{t("impact.owner")}</th>
                  <th scope="col">{t("impact.reads")}</th>
                  <th scope="col">{t("impact.why")}</th>
                </tr>
              </thead>
              <tbody>
                {shown.map((one) => (
                  <tr key={`${one.kind} ${one.app} ${one.name} ${one.id ?? ""}`}>
                    <td>
                      <Badge variant="outline" color={HOW_TONES[one.how]} c="var(--mantine-color-text)" miw="max-content" leftSection={<span className="tp-dot" style={{ background: `var(--mantine-color-${HOW_TONES[one.how]}-6)` }} />}>
                        {t(`impact.how.${one.how}`)}
                      </Badge>
                    </td>
                    <td>
                      <Text fz="sm" fw={600}>
                        {one.name}
                      </Text>
                      <Text fz="xs" c="dimmed">
                        {t(`impact.kind.${one.kind}`)}
                      </Text>
                    </td>
                    <td>{one.owner && <Person name={one.owner} size={18} />}</td>
                    <td className="tp-mono">{few(one.events, t("history.more", { count: one.events.length - 3 }))}</td>
                    <td>{reasons(one)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {touched.length > shown.length && (
            <UnstyledButton className="tp-link" fz="sm" p={14} onClick={() => setAll(true)}>
              {t("impact.consumers.all", { count: touched.length })}
            </UnstyledButton>
          )}
        </>
      )}
    </Panel>
  );
}

const few = (names: readonly string[], more: string): string => (names.length > 3 ? `${names.slice(0, 3).join(", ")} ${more}` : names.join(", "));

function reasons(one: Touched): ReactNode {
  return one.findings.slice(0, 3).map((finding, index) => (
    <FindingText key={index} finding={finding} />
  ));
}

function Volume({ impact }: { impact: Impact }) {
  const { t, locale } = useText();
  return (
    <Panel flush title={t("impact.volume.title")}>
      <div className="tp-scroll" role="region" aria-label={t("impact.volume.title")} tabIndex={0}>
        <table className="tp-table">
          <thead>
            <tr>
              <th scope="col">{t("events.event")}</th>
              <th scope="col" className="right">{t("impact.per_day")}</th>
              <th scope="col" className="right">{t("impact.per_event")}</th>
              <th scope="col" className="right">{t("impact.bytes_per_day")}</th>
              <th scope="col">{t("impact.like")}</th>
            </tr>
          </thead>
          <tbody>
            {impact.volume.slice(0, 50).map((one) => (
              <tr key={one.event}>
                <td className="tp-mono">{one.event}</td>
                <td className="right">{one.per_day === null ? "–" : count(one.per_day, locale)}</td>
                <td className="right">{one.bytes_per_event === null ? "–" : bytes(one.bytes_per_event, locale)}</td>
                <td className="right">{one.bytes_per_day === null ? "–" : bytes(one.bytes_per_day, locale)}</td>
                <td>
                  <Text span fz="sm">
                    {one.like.length ? one.like.join(", ") : t("impact.like.none")}
                  </Text>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

/** What all this stands on: how many events of which hours. */
function Basis({ replay, notes }: { replay: Replayed; notes: readonly string[] }) {
  const { t, locale } = useText();
  return (
    <Panel title={t("impact.basis")}>
      <Stack gap={4}>
        <Text fz="sm">{replay.population === 0 ? t("impact.basis.none") : t("impact.basis.about", { sampled: count(replay.sampled, locale), population: count(replay.population, locale), share: percent(replay.share, locale), since: moment(replay.since, locale, "short"), until: moment(replay.until, locale, "short") })}</Text>
        {replay.live > 0 && <Text fz="sm">{t("impact.basis.live", { count: count(replay.live, locale) })}</Text>}
        {replay.dirty > 0 && <Text fz="sm">{t("impact.basis.dirty", { count: count(replay.dirty, locale) })}</Text>}
        {replay.cut && (
          <Text fz="sm" fw={600}>
            {t("impact.basis.cut")}
          </Text>
        )}
        {notes.map((note) => (
          <Text key={note} fz="sm" c="dimmed">
            {sentence(note)}
          </Text>
        ))}
      </Stack>
    </Panel>
  );
}
