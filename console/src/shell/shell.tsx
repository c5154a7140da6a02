/** The frame around every page: where one is, where one can go, language, light and dark. */
import { ActionIcon, AppShell, Box, Burger, Group, Indicator, Kbd, Menu, Stack, Text, Tooltip, UnstyledButton, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import { sessionQuery } from "../api/queries";
import { useUnread } from "../api/queries-review";
import { Icon } from "../components/icons";
import { keepLanguage, LOCALES, useText } from "../i18n";
import { endSession } from "../session";
import { KeysDialog } from "./keys-dialog";
import { useKeys } from "./keys";
import { BESIDES, GROUPS, isAt, type Place } from "./places";

const QuickSearch = lazy(async () => ({ default: (await import("./quick-search")).QuickSearch }));

export function Shell() {
  const { t } = useText();
  const [opened, { toggle, close }] = useDisclosure();
  const { pathname } = useLocation();
  const navigate = useNavigate();
  const session = useQuery(sessionQuery).data;
  const [over, setOver] = useState<"" | "search" | "keys">("");
  const search = () => {
    // A page with a search box of its own is searched there.
    const own = document.querySelector<HTMLInputElement>("main input[data-search]");
    if (own && over === "") {
      own.focus();
      own.select();
    } else setOver("search");
  };
  useKeys({ go: (place) => void navigate({ to: place.to }), search, help: () => setOver("keys") });
  return (
    <AppShell navbar={{ width: 216, breakpoint: "sm", collapsed: { mobile: !opened } }} header={{ height: { base: 52, sm: 0 } }} padding={0}>
      <a href="#main" className="tp-skip">
        {t("nav.skip")}
      </a>
      <AppShell.Header hiddenFrom="sm" bg="var(--tp-surface)">
        <Group h="100%" px="md">
          <Burger opened={opened} onClick={toggle} size="sm" aria-label={t("nav.menu")} />
          <Brand />
          <Box ml="auto">
            <Bell onClick={close} />
          </Box>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" bg="var(--tp-surface)" style={{ borderColor: "var(--tp-border)" }}>
        <Group px={8} pt={4} pb="sm" justify="space-between" wrap="nowrap" gap={4} visibleFrom="sm">
          <Brand />
          <Bell onClick={close} />
        </Group>
        <UnstyledButton className="tp-search" aria-keyshortcuts="/" onClick={() => setOver("search")}>
          <Icon name="search" size={15} />
          <span style={{ flex: 1 }}>{t("nav.search")}</span>
          <Kbd size="xs">/</Kbd>
        </UnstyledButton>
        <Stack component="nav" gap={8} aria-label={t("nav.label")} flex={1} style={{ overflowY: "auto", minHeight: 0 }}>
          {GROUPS.map((group, index) => (
            <div key={index} role={group.label ? "group" : undefined} aria-label={group.label ? t(group.label) : undefined}>
              {group.label && (
                <Text className="tp-nav-group" aria-hidden="true">
                  {t(group.label)}
                </Text>
              )}
              <Stack gap={1}>
                {group.places.map((place) => (
                  <NavLink key={place.to} place={place} active={isAt(place, pathname)} onClick={close} />
                ))}
              </Stack>
            </div>
          ))}
          <Box mt="auto">
            {BESIDES.filter((place) => place.to !== "/inbox").map((place) => (
              <NavLink key={place.to} place={place} active={isAt(place, pathname)} onClick={close} />
            ))}
          </Box>
        </Stack>
        <Stack gap={8} pt="sm" style={{ borderTop: "1px solid var(--tp-border)" }}>
          {session && (
            <Box px={8}>
              <Text fz="sm" fw={600} truncate>
                {session.name}
              </Text>
              <Text fz="xs" c="dimmed" truncate>
                {t(`role.${session.role}`)} · {session.apps.includes("*") ? t("session.all_apps") : session.apps.join(", ")}
              </Text>
            </Box>
          )}
          <Group gap={4} px={4} justify="space-between">
            <Group gap={4}>
              <LanguageMenu />
              <SchemeToggle />
              <Tooltip label={`${t("keys.title")} (?)`}>
                <ActionIcon variant="subtle" color="gray" size="lg" c="dimmed" aria-label={t("keys.title")} onClick={() => setOver("keys")}>
                  <Icon name="keyboard" />
                </ActionIcon>
              </Tooltip>
            </Group>
            <Tooltip label={t("session.sign_out")}>
              <ActionIcon variant="subtle" color="gray" size="lg" c="dimmed" aria-label={t("session.sign_out")} onClick={() => endSession()}>
                <Icon name="leave" />
              </ActionIcon>
            </Tooltip>
          </Group>
          {session && (
            <Text fz={11} c="dimmed" px={8} className="tp-num">
              Trackplane {session.version}
            </Text>
          )}
        </Stack>
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} style={{ outline: 0 }}>
        <Box px={{ base: "md", md: 32 }} py={{ base: "md", md: 26 }} maw={1440} mx="auto">
          <Outlet />
        </Box>
      </AppShell.Main>
      {over === "keys" && <KeysDialog close={() => setOver("")} />}
      {over === "search" && (
        <Suspense>
          <QuickSearch close={() => setOver("")} />
        </Suspense>
      )}
    </AppShell>
  );
}

function NavLink({ place, active, onClick }: { place: Place; active: boolean; onClick: () => void }) {
  const { t } = useText();
  return (
    <Link to={place.to} className="tp-nav" activeOptions={{ exact: place.to === "/", includeSearch: false }} onClick={onClick} {...(active && { "data-status": "active", "aria-current": "page" })}>
      <Icon name={place.icon} />
      {t(place.label)}
    </Link>
  );
}

/** What is new for the reader. */
function Bell({ onClick }: { onClick: () => void }) {
  const { t } = useText();
  const unread = useUnread();
  return (
    <Tooltip label={t("nav.inbox.unread", { count: unread })}>
      <Link to="/inbox" className="tp-bell" aria-label={t("nav.inbox.unread", { count: unread })} onClick={onClick}>
        <Indicator label={unread > 99 ? "99+" : unread} size={15} disabled={unread === 0} color="red.8" offset={3} styles={{ indicator: { fontSize: 10, fontWeight: 700, padding: "0 4px" } }}>
          <Icon name="bell" size={19} />
        </Indicator>
      </Link>
    </Tooltip>
  );
}

export function Brand() {
  return (
    <Group gap={10} wrap="nowrap">
      <img src="/icon.svg" width={26} height={26} alt="" />
      <Text fw={700} fz={17} style={{ letterSpacing: "-0.01em" }}>
        Trackplane
      </Text>
    </Group>
  );
}

export function LanguageMenu() {
  const { t, locale } = useText();
  return (
    <Menu position="top-start">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" c="dimmed" aria-label={t("nav.language")}>
          <Icon name="language" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {LOCALES.map((choice) => (
          <Menu.Item key={choice.value} lang={choice.value} onClick={() => keepLanguage(choice.value)} rightSection={choice.value === locale ? <Icon name="check" size={15} /> : undefined}>
            {choice.label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

export function SchemeToggle() {
  const { t } = useText();
  const { setColorScheme } = useMantineColorScheme();
  const dark = useComputedColorScheme("light") === "dark";
  const label = dark ? t("nav.light") : t("nav.dark");
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" size="lg" c="dimmed" aria-label={label} onClick={() => setColorScheme(dark ? "light" : "dark")}>
        <Icon name={dark ? "sun" : "moon"} />
      </ActionIcon>
    </Tooltip>
  );
}
