/** The boards of several compilations in one table: a board runs the code of one target, in several languages. */
import type { BoardFit, Compilation, Report } from "@/api/types"
import { headroom } from "./fits"

export interface Cell {
  job: Compilation
  fit: BoardFit
}

export interface MatrixRow {
  board: BoardFit
  target: string
  /** By language. */
  cells: ReadonlyMap<string, Cell>
  /** Of the compilation that leaves most. */
  headroom: number | null
}

/** One row for each board that any of the compilations is for; those with most room first. */
export function mergeFits(reports: readonly { job: Compilation; report: Pick<Report, "boards"> }[]): MatrixRow[] {
  const rows = new Map<string, { board: BoardFit; target: string; cells: Map<string, Cell> }>()
  for (const { job, report } of reports) {
    for (const fit of report.boards) {
      const row = rows.get(fit.name) ?? { board: fit, target: job.target, cells: new Map<string, Cell>() }
      row.cells.set(job.emit, { job, fit })
      rows.set(fit.name, row)
    }
  }
  const found = [...rows.values()].map((row) => ({ ...row, headroom: most([...row.cells.values()].map(({ fit }) => headroom(fit))) }))
  return found.sort((a, b) => (b.headroom ?? -Infinity) - (a.headroom ?? -Infinity))
}

function most(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length > 0 ? Math.max(...known) : null
}
