import { createTheme, type CSSVariablesResolver } from "@mantine/core";

export const theme = createTheme({
  primaryColor: "indigo",
  // Lighter shades of filled colours do not reach a contrast of 4.5 under white text.
  primaryShade: { light: 8, dark: 8 },
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  fontFamily:
    'Inter, system-ui, -apple-system, "Segoe UI", Roboto, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", "Noto Sans Mono CJK SC", monospace',
  headings: { fontWeight: "650" },
  components: {
    Tooltip: { defaultProps: { withArrow: true, openDelay: 250 } },
    Drawer: { defaultProps: { styles: { content: { background: "var(--tp-surface)" }, header: { background: "var(--tp-surface)" } } } },
    Modal: { defaultProps: { styles: { content: { background: "var(--tp-surface)" }, header: { background: "var(--tp-surface)" } } } },
    Badge: { defaultProps: { radius: "sm", tt: "none", fw: 600 } },
  },
});

/** Mantine's own dimmed and placeholder colours fail WCAG AA on its backgrounds. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-body": "#f7f8fa",
    "--mantine-color-dimmed": "#565e67",
    "--mantine-color-placeholder": "#646c76",
    "--mantine-color-error": "#c92a2a",
    "--tp-surface": "#ffffff",
    "--tp-border": "#e3e6ea",
    "--tp-hover": "#f3f5f8",
    "--tp-code": "#f4f5f7",
  },
  dark: {
    "--mantine-color-body": "#15171b",
    "--mantine-color-text": "#dee2e6",
    "--mantine-color-dimmed": "#a6adb6",
    "--mantine-color-placeholder": "#98a0a9",
    "--mantine-color-error": "#ff8787",
    "--tp-surface": "#1d2025",
    "--tp-border": "#31353c",
    "--tp-hover": "#25292f",
    "--tp-code": "#16181c",
  },
});

/** What became of events, in one colour wherever it is shown; [light, dark] mark colours. */
export const OUTCOME_COLOURS: Record<string, string> = {
  stored: "teal",
  dirty: "orange",
  dropped: "grape",
  deduplicated: "blue",
  refused: "red",
  retry: "yellow",
};
