/** An app's plan: its revisions, any two compared; its groups, types and libraries. */
import { Button, Group, Tabs } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { sessionQuery } from "../../api/queries";
import { shapesQuery } from "../../api/queries-plans";
import { Icon } from "../../components/icons";
import { ErrorState, Loading, PageHead } from "../../components/states";
import { useText } from "../../i18n";
import { isPlanTab, type PlanTab } from "../addresses";
import { RevisionsTab } from "./revisions";
import { GroupsTab, LibrariesTab, TypesTab } from "./shapes";

const TABS: readonly PlanTab[] = ["revisions", "groups", "types", "libraries"];

export function PlanPage() {
  const { t } = useText();
  const { app } = useParams({ from: "/plans/$app" });
  const { tab = "revisions", name } = useSearch({ from: "/plans/$app" });
  const navigate = useNavigate({ from: "/plans/$app" });
  const may = useQuery(sessionQuery).data?.may.includes("change.propose") ?? false;
  const shapes = useQuery({ ...shapesQuery(app), enabled: tab !== "revisions" });
  const section = tab === "types" ? "types" : "groups";
  return (
    <>
      <PageHead
        title={
          <Group gap={10}>
            <Link to="/plans" className="tp-link" aria-label={t("plan.back")} style={{ display: "flex" }}>
              <Icon name="back" size={22} />
            </Link>
            {t("plan.title", { app })}
          </Group>
        }
        about={
          <Link className="tp-link" to="/events" search={{ app: [app] }}>
            {t("plans.catalogue")}
          </Link>
        }
        actions={
          may &&
          (tab === "groups" || tab === "types") && (
            <Button leftSection={<Icon name="plus" size={16} />} onClick={() => void navigate({ to: "/edit", search: { app, section } })}>
              {t(`editor.new.${section}`)}
            </Button>
          )
        }
      />
      <Tabs value={tab} onChange={(next) => isPlanTab(next) && void navigate({ search: next === "revisions" ? {} : { tab: next }, replace: true })} keepMounted={false}>
        <Tabs.List mb="md">
          {TABS.map((one) => (
            <Tabs.Tab key={one} value={one}>
              {t(`plan.tab.${one}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="revisions">
          <RevisionsTab app={app} />
        </Tabs.Panel>
        {tab !== "revisions" && shapes.isPending && <Loading rows={6} />}
        {tab !== "revisions" && shapes.isError && <ErrorState error={shapes.error} retry={() => void shapes.refetch()} />}
        {shapes.data && (
          <>
            <Tabs.Panel value="groups">
              <GroupsTab app={app} shapes={shapes.data} chosen={name} may={may} />
            </Tabs.Panel>
            <Tabs.Panel value="types">
              <TypesTab app={app} shapes={shapes.data} chosen={name} may={may} />
            </Tabs.Panel>
            <Tabs.Panel value="libraries">
              <LibrariesTab shapes={shapes.data} />
            </Tabs.Panel>
          </>
        )}
      </Tabs>
    </>
  );
}
