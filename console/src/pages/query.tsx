/** Query: SQL over what is stored. */
import { Button, Group, Kbd, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { api, ApiError, data } from "../api/client";
import { CodeEditor } from "../components/code-editor";
import { Icon } from "../components/icons";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../components/states";
import { count, duration } from "../format";
import { useText } from "../i18n";
import { diagnosticsOf } from "./rules/text";

const FIRST = `SELECT event, count(*) AS events, count(DISTINCT who_user_id) AS users
FROM events
GROUP BY event
ORDER BY events DESC
LIMIT 20`;
const LIMIT = 1_000;

function shown(value: unknown): string {
  if (value === null || value === undefined) return "NULL";
  return typeof value === "string" ? value : JSON.stringify(value);
}

const numeric = (type: string): boolean => /INT|DOUBLE|FLOAT|DECIMAL|REAL/i.test(type);

export function QueryPage() {
  const { t, locale } = useText();
  const [sql, setSql] = useState(FIRST);
  const run = useMutation({
    mutationFn: async (text: string) => {
      const start = performance.now();
      const result = await data(api.POST("/api/v1/query", { body: { sql: text, limit: LIMIT } }));
      return { result, ms: performance.now() - start };
    },
  });
  const submit = () => {
    if (sql.trim() && !run.isPending) run.mutate(sql);
  };
  const findings = run.error instanceof ApiError ? run.error.findings : undefined;
  const diagnostics = useMemo(() => diagnosticsOf(run.variables ?? "", (findings ?? []).filter((finding) => finding.line)), [findings, run.variables]);
  return (
    <>
      <PageHead
        title={t("query.title")}
        about={t("query.about")}
        actions={
          <Button onClick={submit} loading={run.isPending} disabled={!sql.trim()} leftSection={<Icon name="play" size={16} />} rightSection={<Kbd size="xs">Ctrl ↵</Kbd>}>
            {t("query.run")}
          </Button>
        }
      />
      <Stack>
        <section className="tp-panel" style={{ overflow: "hidden" }}>
          <CodeEditor value={sql} onChange={setSql} language="sql" label={t("query.sql")} minHeight={150} maxHeight="40vh" diagnostics={diagnostics} onSubmit={submit} />
        </section>
        {run.isPending ? (
          <Panel>
            <Loading />
          </Panel>
        ) : run.isError ? (
          <ErrorState error={run.error} retry={submit} />
        ) : run.data ? (
          <Panel
            flush
            title={t("query.rows", { count: run.data.result.rows.length })}
            aside={
              <Text fz="xs" c="dimmed" className="tp-num">
                {t("query.meta", { time: duration(run.data.ms, locale), snapshot: run.data.result.snapshot })}
                {run.data.result.truncated && ` · ${t("query.truncated", { limit: count(LIMIT, locale) })}`}
              </Text>
            }
          >
            {run.data.result.rows.length === 0 ? (
              <Empty title={t("query.no_rows")} />
            ) : (
              <div className="tp-scroll tp-sticky" style={{ maxHeight: "60vh" }} role="region" aria-label={t("query.result")} tabIndex={0}>
                <table className="tp-table">
                  <thead>
                    <tr>
                      {run.data.result.columns.map((column, index) => (
                        <th key={index} scope="col" className={numeric(column.type) ? "right" : undefined}>
                          {column.name}{" "}
                          <Text span fz={10.5} c="dimmed" fw={400}>
                            {column.type.toLowerCase()}
                          </Text>
                        </th>
                      ))}
                    </tr>
                  </thead>
                  <tbody>
                    {run.data.result.rows.map((row, line) => (
                      <tr key={line}>
                        {row.map((value, index) => {
                          const type = run.data.result.columns[index]?.type ?? "";
                          return (
                            <td key={index} className={numeric(type) ? "right" : undefined} style={{ maxWidth: 420, overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap", color: value === null ? "var(--mantine-color-dimmed)" : undefined }} title={shown(value)}>
                              {/^(HUGE|U?BIG|U?SMALL|U?TINY|U)?INT/i.test(type) && typeof value === "number" ? count(value, locale) : shown(value)}
                            </td>
                          );
                        })}
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
          </Panel>
        ) : (
          <Panel>
            <Empty title={t("query.empty")}>
              <Group gap={6} justify="center">
                {t("query.empty.about")}
              </Group>
            </Empty>
          </Panel>
        )}
      </Stack>
    </>
  );
}
