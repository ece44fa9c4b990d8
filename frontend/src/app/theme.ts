import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core"

/** Greys with a trace of blue, so that fields and lines belong to the surfaces around them. */
const dark: MantineColorsTuple = [
  "#e5e8ed",
  "#c4cbd5",
  "#a2adbb",
  "#8d99a8",
  "#414b59",
  "#333c48",
  "#1b222b",
  "#151a21",
  "#10141a",
  "#0a0d11",
]

const accent: MantineColorsTuple = [
  "#edf2ff",
  "#dbe5fe",
  "#bccffd",
  "#93b2fb",
  "#7aa2f9",
  "#4f7df3",
  "#2f62e6",
  "#1f4fd0",
  "#1a42ae",
  "#163788",
]

export const theme = createTheme({
  colors: { accent, dark },
  primaryColor: "accent",
  primaryShade: { light: 7, dark: 6 },
  defaultRadius: 6,
  cursorType: "pointer",
  focusRing: "auto",
  respectReducedMotion: true,
  fontFamily: "var(--font-text)",
  fontFamilyMonospace: "var(--font-code)",
  fontSizes: { xs: "0.75rem", sm: "0.8125rem", md: "0.875rem", lg: "1rem", xl: "1.125rem" },
  headings: { fontFamily: "var(--font-text)", fontWeight: "600" },
  components: {
    Button: { defaultProps: { size: "sm" } },
    TextInput: { defaultProps: { size: "sm" } },
    NativeSelect: { defaultProps: { size: "sm" } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 250, multiline: true, maw: 320, events: { hover: true, focus: true, touch: true } } },
  },
})

/** Mantine's own colours follow the tokens of styles.css, so that both schemes are decided in one place. */
export const cssVariables: CSSVariablesResolver = () => {
  const shared = {
    "--mantine-color-body": "var(--bg)",
    "--mantine-color-text": "var(--text)",
    "--mantine-color-dimmed": "var(--muted)",
    "--mantine-color-placeholder": "var(--faint)",
    "--mantine-color-default": "var(--surface)",
    "--mantine-color-default-hover": "var(--hover)",
    "--mantine-color-default-color": "var(--text)",
    "--mantine-color-default-border": "var(--line-strong)",
    "--mantine-color-anchor": "var(--accent)",
    "--mantine-color-error": "var(--bad)",
  }
  return { variables: {}, light: shared, dark: shared }
}
