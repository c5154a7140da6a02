/** The frame around every page: where one is, where one can go, language, light and dark. */
import { ActionIcon, AppShell, Box, Burger, Group, Menu, Stack, Text, Tooltip, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useLocation } from "@tanstack/react-router";
import { sessionQuery } from "../api/queries";
import { Icon, type IconName } from "../components/icons";
import { keepLanguage, LOCALES, useText, type MessageId } from "../i18n";
import { endSession } from "../session";

const PAGES: readonly { to: string; label: MessageId; icon: IconName; /** Other addresses that belong to it. */ also?: readonly string[] }[] = [
  { to: "/", label: "nav.home", icon: "home" },
  { to: "/live", label: "nav.live", icon: "live" },
  { to: "/rules", label: "nav.rules", icon: "rules" },
  { to: "/functions", label: "nav.definitions", icon: "definitions", also: ["/tables", "/scripts"] },
  { to: "/events", label: "nav.events", icon: "events" },
  { to: "/query", label: "nav.query", icon: "query" },
  { to: "/dirty", label: "nav.dirty", icon: "dirty" },
];

export function Shell() {
  const { t } = useText();
  const [opened, { toggle, close }] = useDisclosure();
  const { pathname } = useLocation();
  const session = useQuery(sessionQuery).data;
  return (
    <AppShell navbar={{ width: 216, breakpoint: "sm", collapsed: { mobile: !opened } }} header={{ height: { base: 52, sm: 0 } }} padding={0}>
      <a href="#main" className="tp-skip">
        {t("nav.skip")}
      </a>
      <AppShell.Header hiddenFrom="sm" bg="var(--tp-surface)">
        <Group h="100%" px="md">
          <Burger opened={opened} onClick={toggle} size="sm" aria-label={t("nav.menu")} />
          <Brand />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="sm" bg="var(--tp-surface)" style={{ borderColor: "var(--tp-border)" }}>
        <Box px={8} pt={6} pb="md" visibleFrom="sm">
          <Brand />
        </Box>
        <Stack component="nav" gap={2} aria-label={t("nav.label")} flex={1}>
          {PAGES.map((page) => (
            <Link key={page.to} to={page.to} className="tp-nav" activeOptions={{ exact: page.to === "/" }} onClick={close} {...(page.also?.some((path) => pathname.startsWith(path)) && { "data-status": "active" })}>
              <Icon name={page.icon} />
              {t(page.label)}
            </Link>
          ))}
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
    </AppShell>
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
