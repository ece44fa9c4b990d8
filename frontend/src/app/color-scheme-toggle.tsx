import { ActionIcon, type MantineColorScheme, Tooltip, useMantineColorScheme } from "@mantine/core"
import { MoonIcon, SunIcon, SystemIcon } from "@/components/icons"

const NEXT: Record<MantineColorScheme, MantineColorScheme> = { auto: "light", light: "dark", dark: "auto" }
const NAME: Record<MantineColorScheme, string> = { auto: "system", light: "light", dark: "dark" }
const ICON = { auto: SystemIcon, light: SunIcon, dark: MoonIcon }

export function ColorSchemeToggle() {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const Icon = ICON[colorScheme]
  const label = `Colours: ${NAME[colorScheme]}. Switch to ${NAME[NEXT[colorScheme]]}`
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" size="lg" aria-label={label} onClick={() => setColorScheme(NEXT[colorScheme])}>
        <Icon />
      </ActionIcon>
    </Tooltip>
  )
}
