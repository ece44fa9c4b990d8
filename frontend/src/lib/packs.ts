/** Which package formats there are for which compilations. */
import type { Pack } from "@/api/types"

/** Whether a format can be made for every one of these combinations. */
export function isMadeFor(pack: Pack, targets: readonly string[], emits: readonly string[]): boolean {
  return emits.every((emit) => targets.every((target) => pack.targets[emit]?.includes(target) ?? false))
}
