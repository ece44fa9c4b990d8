/** Executed instructions by class, per layer and in all. */
import type { ReportLayer } from "@/api/types"

export interface MixRow {
  name: string
  op: string
  total: number
  counts: Record<string, number>
}

export interface Mix {
  /** The classes that occur, in the order in which the compiler names them. */
  classes: string[]
  rows: MixRow[]
  sum: Record<string, number>
  total: number
}

/** null when no layer was counted by class. */
export function mixOf(layers: readonly ReportLayer[]): Mix | null {
  const counted = layers.filter((layer) => layer.mix !== null)
  if (counted.length === 0) return null
  const sum: Record<string, number> = {}
  const rows = layers.map(({ name, op, mix }) => {
    const counts = mix ?? {}
    for (const [kind, count] of Object.entries(counts)) sum[kind] = (sum[kind] ?? 0) + count
    return { name, op, counts, total: Object.values(counts).reduce((all, count) => all + count, 0) }
  })
  return { classes: inOrder(counted), rows, sum, total: rows.reduce((all, row) => all + row.total, 0) }
}

/** Each layer names its classes in the same order, but leaves out those that it has none of. */
function inOrder(layers: readonly ReportLayer[]): string[] {
  const found: string[] = []
  for (const { mix } of layers) {
    let after = -1
    for (const kind of Object.keys(mix ?? {})) {
      const at = found.indexOf(kind)
      if (at < 0) found.splice(++after, 0, kind)
      else after = at
    }
  }
  return found
}
