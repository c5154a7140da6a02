/** The hits: a list of any length of which only a window is on the page; more is asked for before its end is seen. */
import { Badge, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import type { Hit } from "../../api/design";
import { Grade } from "../../components/badges";
import { Marked } from "../../components/marked";
import { Person } from "../../components/person";
import { Sparkline } from "../../components/sparkline";
import { LifeCycle, TrustMark } from "../../components/standing";
import { useWindow } from "../../components/use-window";
import { ago, count } from "../../format";
import { useText } from "../../i18n";

/** A row's height, px: all have the same, which is what lets any number scroll. */
const ROW = 54;
/** How many rows before the end more is asked for. */
const AHEAD = 60;

/** How far down each entry of the history was, in this tab. */
const places = new Map<unknown, number>();
const entryKey = (): unknown => (window.history.state as { __TSR_key?: string } | null)?.__TSR_key;

interface HitTableProps {
  hits: readonly Hit[];
  total: number;
  stale: boolean;
  more: boolean;
  loading: boolean;
  load: () => void;
  open: (hit: Hit) => void;
  may: boolean;
}

export function HitTable({ hits, total, stale, more, loading, load, open, may }: HitTableProps) {
  const { t, locale } = useText();
  const box = useRef<HTMLDivElement>(null);
  const { first, end, before, after } = useWindow(box, hits.length, ROW);
  useEffect(() => {
    if (more && !loading && end > hits.length - AHEAD) load();
  }, [more, loading, end, hits.length, load]);
  // Another search begins at its top; who comes back is where they were.
  const head = hits[0];
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const entry = entryKey();
    element.scrollTop = places.get(entry) ?? 0;
    const keep = () => places.set(entry, element.scrollTop);
    element.addEventListener("scroll", keep, { passive: true });
    return () => element.removeEventListener("scroll", keep);
  }, [head]);
  return (
    <div ref={box} className="tp-scroll tp-hits" role="region" aria-label={t("catalogue.title")} tabIndex={0} style={{ opacity: stale ? 0.6 : 1 }}>
      <table className="tp-table tp-sticky" aria-rowcount={total + 1}>
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col">{t("catalogue.name")}</th>
            <th scope="col">{t("catalogue.state")}</th>
            <th scope="col">{t("catalogue.trust")}</th>
            <th scope="col">{t("events.grade")}</th>
            <th scope="col">{t("events.owner")}</th>
            <th scope="col">{t("catalogue.seen")}</th>
            <th scope="col">{t("catalogue.volume")}</th>
          </tr>
        </thead>
        <tbody>
          {before > 0 && (
            <tr aria-hidden="true">
              <td colSpan={7} style={{ height: before, padding: 0, border: 0 }} />
            </tr>
          )}
          {hits.slice(first, end).map((hit, index) => (
            <tr key={`${hit.kind} ${hit.app} ${hit.name}`} className="tp-row" data-row tabIndex={-1} aria-rowindex={first + index + 2} style={{ height: ROW }} onClick={() => open(hit)}>
              <td>
                <div className="tp-hit">
                  <span className="tp-hit-name">
                    <HitLink hit={hit} />
                    {hit.kind !== "event" && (
                      <Badge variant="light" color="gray" c="var(--mantine-color-text)" size="sm">
                        {t(`catalogue.kind.${hit.kind}`)}
                      </Badge>
                    )}
                    {may && hit.kind === "event" && (
                      <Link to="/edit" search={{ app: hit.app, section: "events", name: hit.name }} data-edit tabIndex={-1} className="tp-hidden" aria-label={t("catalogue.edit", { name: hit.name })} onClick={(click) => click.stopPropagation()} />
                    )}
                  </span>
                  <Text span fz="xs" c="dimmed" truncate>
                    {hit.app}
                    {(hit.kind === "property" || hit.kind === "group") && hit.events > 0 && ` · ${t("catalogue.in_events", { count: hit.events })}`}
                    {hit.title && " · "}
                    <Marked hit={hit} field="title" />
                    {hit.description && " · "}
                    <Marked hit={hit} field="description" />
                  </Text>
                </div>
              </td>
              <td>
                <LifeCycle state={hit.state} />
              </td>
              <td>
                <TrustMark level={hit.trust} />
              </td>
              <td>{hit.grade && <Grade grade={hit.grade} />}</td>
              <td>{hit.owner && <Person name={hit.owner} size={20} />}</td>
              <td className="tp-num">{hit.last_seen ? ago(hit.last_seen, locale) : <span style={{ color: "var(--mantine-color-dimmed)" }}>{hit.kind === "event" ? t("catalogue.never") : ""}</span>}</td>
              <td>
                <Sparkline values={hit.daily} label={t("catalogue.volume.about", { count: count(hit.daily.reduce((sum, day) => sum + day, 0), locale) })} />
              </td>
            </tr>
          ))}
          {after > 0 && (
            <tr aria-hidden="true">
              <td colSpan={7} style={{ height: after, padding: 0, border: 0 }} />
            </tr>
          )}
        </tbody>
      </table>
      {loading && (
        <Text fz="xs" c="dimmed" ta="center" py={10}>
          {t("state.loading")}
        </Text>
      )}
    </div>
  );
}

function HitLink({ hit }: { hit: Hit }) {
  const name = <Marked hit={hit} field="name" />;
  const stay = (click: { stopPropagation: () => void }) => click.stopPropagation();
  if (hit.kind === "metric")
    return (
      <Link className="tp-link" to="/metrics/$app/$metric" params={{ app: hit.app, metric: hit.name }} onClick={stay}>
        {name}
      </Link>
    );
  if (hit.kind === "group")
    return (
      <Link className="tp-link" to="/plans/$app" params={{ app: hit.app }} search={{ tab: "groups", name: hit.name }} onClick={stay}>
        {name}
      </Link>
    );
  if (hit.kind === "property")
    return (
      <Link className="tp-link tp-mono" to="/events" search={{ q: hit.name, kind: ["event"], app: [hit.app] }} onClick={stay}>
        {name}
      </Link>
    );
  return (
    <Link className="tp-link" to="/events/$app/$event" params={{ app: hit.app, event: hit.name }} onClick={stay}>
      {name}
    </Link>
  );
}
