/** Targets as a person sorts them. */
import type { Target } from "@/api/types"

const APPLICATION = "Application processors"
const GROUPS: Record<string, string> = { AArch64: APPLICATION, "x86-64": APPLICATION }
const ORDER = ["Arm Cortex-M", "RISC-V", APPLICATION, "This computer"]

export function familyOf({ family }: Target): string {
  return GROUPS[family] ?? (family || "Targets")
}

/** Where a family stands; one that this page does not know comes before this computer. */
export function rank(family: string): number {
  const at = ORDER.indexOf(family)
  return at < 0 ? ORDER.length - 1.5 : at
}

/** "qemu-system-arm -M mps2-an386" → "QEMU mps2-an386"; the reasons why something is not run are for elsewhere. */
export function whereItRuns({ runs_on: where, runnable, buildable }: Target): string {
  if (!buildable) return "cannot be built here"
  if (!runnable) return "built, not run"
  const [, machine] = /^qemu-\S+ -(?:M|cpu) (\S+)/.exec(where) ?? []
  return machine ? `QEMU ${machine}` : where
}
