/** Rules: which there are and how they stand. */
import { Badge, Box, Button, Group, Stack, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useMemo, useState } from "react";
import type { Schemas } from "../../api/client";
import { sessionQuery, statusQuery } from "../../api/queries";
import { rulesQuery } from "../../api/queries-rules";
import { DataTable, type Column } from "../../components/data-table";
import { Icon } from "../../components/icons";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { count, moment } from "../../format";
import { useText } from "../../i18n";
import { Effective } from "./effective";
import { Pages } from "../../components/pages";
import { ruleAccounts } from "../home/model";

const TopRules = lazy(async () => ({ default: (await import("./statistics")).TopRules }));

type Rule = Schemas["Rule"];

export function RulesPage() {
  const { t, locale } = useText();
  const navigate = useNavigate();
  const { deleted } = useSearch({ from: "/rules" });
  const [query, setQuery] = useState("");
  const [wanted] = useDebouncedValue(query.trim(), 200);
  const [trail, setTrail] = useState<readonly string[]>([]);
  const rules = useQuery(rulesQuery(wanted, trail.at(-1) ?? ""));
  const session = useQuery(sessionQuery).data;
  const status = useQuery({ ...statusQuery, refetchInterval: 5_000 }).data;
  const failures = useMemo(() => new Map(ruleAccounts(status?.ledger_rules ?? []).map(({ rule, count: failed }) => [rule, failed])), [status]);
  const columns = useMemo<Column<Rule>[]>(
    () => [
      {
        id: "rule",
        header: t("rules.name"),
        cell: (rule) => (
          <Link className="tp-link" to="/rules/edit/$rule" params={{ rule: rule.rule }} onClick={(click) => click.stopPropagation()}>
            {rule.rule}
          </Link>
        ),
      },
      { id: "apps", header: t("rules.apps"), cell: (rule) => (rule.apps.length ? rule.apps.join(", ") : t("live.all_apps")) },
      { id: "to", header: t("rules.to"), cell: (rule) => <span className="tp-mono">{rule.to}</span> },
      { id: "owner", header: t("rules.owner"), cell: (rule) => rule.owner },
      {
        id: "status",
        header: t("rules.status"),
        cell: (rule) => <RuleState rule={rule} />,
      },
      {
        id: "failures",
        header: t("rules.failed"),
        right: true,
        cell: (rule) => count(failures.get(rule.rule) ?? 0, locale),
      },
      { id: "version", header: t("rules.version"), right: true, cell: (rule) => rule.version },
      {
        id: "updated",
        header: t("rules.updated"),
        cell: (rule) => (
          <span className="tp-num" title={rule.updated_by}>
            {moment(rule.updated_at, locale, "short")}
          </span>
        ),
      },
    ],
    [t, locale, failures],
  );
  const make = session?.may.includes("rule.edit") && (
    <Button leftSection={<Icon name="plus" size={16} />} onClick={() => void navigate({ to: "/rules/new" })}>
      {t("rules.new")}
    </Button>
  );
  return (
    <>
      <PageHead title={t("rules.title")} about={t("rules.about")} actions={make} />
      {deleted !== undefined && (
        <Box mb="md">
          <Effective number={deleted} what="deleted" />
        </Box>
      )}
      {rules.isPending ? (
        <Loading />
      ) : rules.isError ? (
        <ErrorState error={rules.error} retry={() => void rules.refetch()} />
      ) : rules.data.items.length === 0 && !wanted && trail.length === 0 ? (
        <Panel>
          <Empty title={t("rules.empty")} action={make}>
            {t("rules.empty.about")}
          </Empty>
        </Panel>
      ) : (
        <Stack gap="md">
          <Panel flush>
            <Group px={16} py={12}>
              <TextInput
                aria-label={t("rules.search")}
                placeholder={t("rules.search")}
                leftSection={<Icon name="search" size={16} />}
                value={query}
                onChange={(change) => {
                  setQuery(change.currentTarget.value);
                  setTrail([]);
                }}
                w={280}
              />
            </Group>
            {rules.data.items.length === 0 ? (
              <Empty title={t("rules.none_found")} />
            ) : (
              <DataTable label={t("rules.title")} columns={columns} rows={rules.data.items} rowKey={(rule) => rule.rule} open={(rule) => void navigate({ to: "/rules/edit/$rule", params: { rule: rule.rule } })} />
            )}
            <Pages trail={trail} next={rules.data.next} go={setTrail} />
          </Panel>
          <Suspense fallback={<Loading rows={4} />}>
            <TopRules />
          </Suspense>
        </Stack>
      )}
    </>
  );
}

/** How a rule stands, and what is under way besides: a draft, a canary. */
function RuleState({ rule }: { rule: Rule }) {
  const { t } = useText();
  return (
    <Group gap={6} wrap="nowrap">
      <RuleStatus status={rule.status} />
      {rule.canary && (
        <Badge variant="outline" color="orange" c="var(--mantine-color-text)" miw="max-content">
          {t("rules.status.canary")}
        </Badge>
      )}
      {rule.draft && (
        <Badge variant="outline" color="gray" c="var(--mantine-color-text)" miw="max-content">
          {t("rules.status.draft")}
        </Badge>
      )}
    </Group>
  );
}

export function RuleStatus({ status }: { status: Rule["status"] }) {
  const { t } = useText();
  const colour = status === "published" ? "teal" : "red";
  return (
    <Badge variant="outline" color={colour} c="var(--mantine-color-text)" miw="max-content" leftSection={<span className="tp-dot" style={{ background: `var(--mantine-color-${colour}-6)` }} />}>
      {t(`rules.status.${status}`)}
    </Badge>
  );
}
