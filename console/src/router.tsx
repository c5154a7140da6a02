/** Addresses. Pages with an editor or charts are loaded when they are first opened. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { dirtySearch, editSearch, eventSearch, librarySearch, metricsSearch, planSearch, querySearch } from "./pages/addresses";
import { catalogueSearch } from "./pages/catalogue/filter";
import { NotFound } from "./pages/not-found";
import { changeSearch, changesSearch } from "./pages/changes/addresses";
import { inboxSearch, peopleSearch } from "./pages/people/addresses";
import { isTab, type Tab } from "./pages/rules/tabs";
import { Shell } from "./shell/shell";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const home = createRoute({ getParentRoute: () => root, path: "/", component: lazyRouteComponent(() => import("./pages/home/home"), "HomePage") });
const live = createRoute({ getParentRoute: () => root, path: "/live", component: lazyRouteComponent(() => import("./pages/live/live"), "LivePage") });
const rules = createRoute({
  getParentRoute: () => root,
  path: "/rules",
  // The number that a deletion was published under, to be watched.
  validateSearch: (search: Record<string, unknown>): { deleted?: number } => ({ deleted: typeof search.deleted === "number" ? search.deleted : undefined }),
  component: lazyRouteComponent(() => import("./pages/rules/list"), "RulesPage"),
});
const tabbed = (search: Record<string, unknown>): { tab?: Tab | undefined } => ({ tab: isTab(search.tab) ? search.tab : undefined });
const newRule = createRoute({ getParentRoute: () => root, path: "/rules/new", validateSearch: tabbed, component: lazyRouteComponent(() => import("./pages/rules/editor"), "NewRulePage") });
const rule = createRoute({ getParentRoute: () => root, path: "/rules/edit/$rule", validateSearch: tabbed, component: lazyRouteComponent(() => import("./pages/rules/editor"), "RulePage") });
const events = createRoute({ getParentRoute: () => root, path: "/events", validateSearch: catalogueSearch, component: lazyRouteComponent(() => import("./pages/catalogue/catalogue"), "CataloguePage") });
const event = createRoute({ getParentRoute: () => root, path: "/events/$app/$event", validateSearch: eventSearch, component: lazyRouteComponent(() => import("./pages/event/event"), "EventPage") });
const metrics = createRoute({ getParentRoute: () => root, path: "/metrics", validateSearch: metricsSearch, component: lazyRouteComponent(() => import("./pages/metrics/list"), "MetricsPage") });
const metric = createRoute({ getParentRoute: () => root, path: "/metrics/$app/$metric", component: lazyRouteComponent(() => import("./pages/metrics/metric"), "MetricPage") });
const edit = createRoute({ getParentRoute: () => root, path: "/edit", validateSearch: editSearch, component: lazyRouteComponent(() => import("./pages/editor/editor"), "EditorPage") });
const plans = createRoute({ getParentRoute: () => root, path: "/plans", component: lazyRouteComponent(() => import("./pages/plans/list"), "PlansPage") });
const plan = createRoute({ getParentRoute: () => root, path: "/plans/$app", validateSearch: planSearch, component: lazyRouteComponent(() => import("./pages/plans/plan"), "PlanPage") });
const library = createRoute({ getParentRoute: () => root, path: "/libraries/$name", validateSearch: librarySearch, component: lazyRouteComponent(() => import("./pages/plans/library"), "LibraryPage") });
const changes = createRoute({ getParentRoute: () => root, path: "/changes", validateSearch: changesSearch, component: lazyRouteComponent(() => import("./pages/changes/list"), "ChangesPage") });
const change = createRoute({ getParentRoute: () => root, path: "/changes/$id", validateSearch: changeSearch, component: lazyRouteComponent(() => import("./pages/changes/change"), "ChangePage") });
const requirements = createRoute({ getParentRoute: () => root, path: "/requirements", component: lazyRouteComponent(() => import("./pages/requirements/board"), "RequirementsPage") });
const requirement = createRoute({ getParentRoute: () => root, path: "/requirements/$id", component: lazyRouteComponent(() => import("./pages/requirements/requirement"), "RequirementPage") });
const mine = createRoute({ getParentRoute: () => root, path: "/my-events", component: lazyRouteComponent(() => import("./pages/mine/my-events"), "MyEventsPage") });
const inbox = createRoute({ getParentRoute: () => root, path: "/inbox", validateSearch: inboxSearch, component: lazyRouteComponent(() => import("./pages/inbox/inbox"), "InboxPage") });
const people = createRoute({ getParentRoute: () => root, path: "/people", validateSearch: peopleSearch, component: lazyRouteComponent(() => import("./pages/people/people"), "PeoplePage") });
const query = createRoute({ getParentRoute: () => root, path: "/query", validateSearch: querySearch, component: lazyRouteComponent(() => import("./pages/query"), "QueryPage") });
const lists = () => import("./pages/definitions/list");
const definition = () => import("./pages/definitions/editor");
const functions = createRoute({ getParentRoute: () => root, path: "/functions", component: lazyRouteComponent(lists, "FunctionsPage") });
const newFunction = createRoute({ getParentRoute: () => root, path: "/functions/new", component: lazyRouteComponent(definition, "NewFunctionPage") });
const oneFunction = createRoute({ getParentRoute: () => root, path: "/functions/edit/$name", component: lazyRouteComponent(definition, "FunctionPage") });
const tables = createRoute({ getParentRoute: () => root, path: "/tables", component: lazyRouteComponent(lists, "TablesPage") });
const newTable = createRoute({ getParentRoute: () => root, path: "/tables/new", component: lazyRouteComponent(definition, "NewTablePage") });
const oneTable = createRoute({ getParentRoute: () => root, path: "/tables/edit/$name", component: lazyRouteComponent(definition, "TablePage") });
const scripts = createRoute({ getParentRoute: () => root, path: "/scripts", component: lazyRouteComponent(lists, "ScriptsPage") });
const newScript = createRoute({ getParentRoute: () => root, path: "/scripts/new", component: lazyRouteComponent(definition, "NewScriptPage") });
const oneScript = createRoute({ getParentRoute: () => root, path: "/scripts/edit/$name", component: lazyRouteComponent(definition, "ScriptPage") });
const dirty = createRoute({ getParentRoute: () => root, path: "/dirty", validateSearch: dirtySearch, component: lazyRouteComponent(() => import("./pages/dirty/workbench"), "DirtyPage") });

export const router = createRouter({
  routeTree: root.addChildren([home, live, rules, newRule, rule, functions, newFunction, oneFunction, tables, newTable, oneTable, scripts, newScript, oneScript, events, event, metrics, metric, edit, plans, plan, library, changes, change, requirements, requirement, mine, inbox, people, query, dirty]),
  defaultPreload: "intent",
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
