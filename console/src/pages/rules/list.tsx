/** Rules: which there are and how they stand. */
import { Badge, Box, Button, Group, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { Schemas } from "../../api/client";
import { rulesQuery, sessionQuery, statusQuery } from "../../api/queries";
import { DataTable, type Column } from "../../components/data-table";
import { Icon } from "../../components/icons";
import { Empty, ErrorState, Loading, PageHead, Panel } from "../../components/states";
import { count, moment } from "../../format";
import { useText } from "../../i18n";
import { Effective } from "./effective";
import { ruleAccounts } from "../home/model";

type Rule = Schemas["Rule"];

export function RulesPage() {
  const { t, locale } = useText();
  const navigate = useNavigate();
  const { deleted } = useSearch({ from: "/rules" });
  const rules = useQuery({ ...rulesQuery, refetchInterval: 10_000 });
  const session = useQuery(sessionQuery).data;
  const status = useQuery({ ...statusQuery, refetchInterval: 5_000 }).data;
  const [query, setQuery] = useState("");
  const failures = useMemo(() => new Map(ruleAccounts(status?.ledger_rules ?? []).map(({ rule, count: failed }) => [rule, failed])), [status]);
  const columns = useMemo<Column<Rule>[]>(
    () => [
      {
        id: "rule",
        header: t("rules.name"),
        value: (rule) => rule.rule,
        cell: (rule) => (
          <Link className="tp-link" to="/rules/edit/$rule" params={{ rule: rule.rule }} onClick={(click) => click.stopPropagation()}>
            {rule.rule}
          </Link>
        ),
      },
      { id: "apps", header: t("rules.apps"), value: (rule) => rule.apps.join(), cell: (rule) => (rule.apps.length ? rule.apps.join(", ") : t("live.all_apps")) },
      { id: "to", header: t("rules.to"), value: (rule) => rule.to, cell: (rule) => <span className="tp-mono">{rule.to}</span> },
      { id: "owner", header: t("rules.owner"), value: (rule) => rule.owner, cell: (rule) => rule.owner },
      {
        id: "status",
        header: t("rules.status"),
        value: (rule) => rule.status,
        cell: (rule) => <RuleStatus status={rule.status} />,
      },
      {
        id: "failures",
        header: t("rules.failed"),
        right: true,
        value: (rule) => failures.get(rule.rule) ?? 0,
        cell: (rule) => count(failures.get(rule.rule) ?? 0, locale),
      },
      { id: "version", header: t("rules.version"), right: true, value: (rule) => rule.version, cell: (rule) => rule.version },
      {
        id: "updated",
        header: t("rules.updated"),
        value: (rule) => rule.updated_at,
        cell: (rule) => (
          <span className="tp-num" title={rule.updated_by}>
            {moment(rule.updated_at, locale, "short")}
          </span>
        ),
      },
    ],
    [t, locale, failures],
  );
  const shown = useMemo(() => {
    const wanted = query.trim().toLowerCase();
    return (rules.data ?? []).filter((rule) => !wanted || `${rule.rule} ${rule.to} ${rule.owner} ${rule.apps.join(" ")}`.toLowerCase().includes(wanted));
  }, [rules.data, query]);
  const make = session && session.role !== "viewer" && (
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
      ) : rules.data.length === 0 ? (
        <Panel>
          <Empty title={t("rules.empty")} action={make}>
            {t("rules.empty.about")}
          </Empty>
        </Panel>
      ) : (
        <Panel flush>
          <Group px={16} py={12} justify="space-between">
            <TextInput aria-label={t("rules.search")} placeholder={t("rules.search")} leftSection={<Icon name="search" size={16} />} value={query} onChange={(change) => setQuery(change.currentTarget.value)} w={280} />
            <Text fz="sm" c="dimmed">
              {t("rules.count", { count: shown.length })}
            </Text>
          </Group>
          {shown.length === 0 ? (
            <Empty title={t("rules.none_found")} />
          ) : (
            <DataTable label={t("rules.title")} columns={columns} rows={shown} rowKey={(rule) => rule.rule} open={(rule) => void navigate({ to: "/rules/edit/$rule", params: { rule: rule.rule } })} />
          )}
        </Panel>
      )}
    </>
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
