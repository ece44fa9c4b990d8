/** What an inspection says about kernels. */
import type { Support } from "@/api/types"

/** The part of all multiply-accumulates that runs in tuned kernels; null where there are none at all. */
export function tunedShare({ layers }: Pick<Support, "layers">): number | null {
  const all = layers.reduce((sum, { macs }) => sum + (macs ?? 0), 0)
  const tuned = layers.reduce((sum, { macs, kind }) => sum + (kind === "tuned" ? (macs ?? 0) : 0), 0)
  return all === 0 ? null : tuned / all
}
