import { useQuery } from "@tanstack/react-query"
import { useMemo, useState } from "react"
import classes from "./report.module.css"
import { boardSources, catalogQuery } from "@/api/catalog"
import type { BoardFit, Report } from "@/api/types"
import { columnHelper, type Columns, DataTable } from "@/components/data-table"
import { FitFilters } from "@/components/fit-filter"
import { BoardName, FitMark, FreeBar, Signed } from "@/components/fit-parts"
import { milliseconds, plural } from "@/lib/format"
import { fitOf, headroom, isWanted, type Need, NO_FILTER } from "@/lib/fits"

const column = columnHelper<BoardFit>()

/** Every board with this processor: whether the model fits, what stays free, how long one inference takes. */
export function BoardsView({ report }: { report: Report }) {
  const { boards, totals, options } = report
  const [filter, setFilter] = useState(NO_FILTER)
  const { data: sources } = useQuery({ ...catalogQuery, select: boardSources })
  const need = useMemo<Need>(() => ({ flash: totals.flash.total, ram: totals.ram.total }), [totals])
  const columns = useMemo(() => columnsOf(need, sources), [need, sources])
  const shown = useMemo(() => boards.filter((board) => isWanted(board, filter) && (!filter.fit || fitOf(board) === filter.fit)), [boards, filter])
  if (boards.length === 0) {
    return (
      <section className="panel panel-body">
        <p>
          No board in the table has the processor <code>{String(options.target)}</code>.
        </p>
      </section>
    )
  }
  const fitting = boards.filter((board) => board.fits).length
  return (
    <section className="panel" aria-labelledby="boards">
      <div className="panel-head">
        <h2 id="boards">Boards</h2>
        <p className="muted">
          fits {fitting} of {boards.length}
          {totals.cycles_error_percent === null && totals.cycles !== null && "; latencies are uncalibrated estimates"}
        </p>
      </div>
      <FitFilters boards={boards} value={filter} onChange={setFilter} />
      <DataTable caption="Fit matrix" columns={columns} rows={shown} />
      <p className={classes.mapNote} role="status">
        <span className="muted">{shown.length === boards.length ? "All boards are shown." : `${plural(shown.length, "board")} of ${boards.length} shown.`}</span>
      </p>
    </section>
  )
}

function columnsOf(need: Need, sources: ReturnType<typeof boardSources> | undefined): Columns<BoardFit> {
  return column.columns([
    column.accessor((board) => board.title || board.name, {
      id: "board",
      header: "Board",
      sortFn: "alphanumeric",
      cell: ({ row: { original } }) => <BoardName board={original} sources={sources?.get(original.name)} />,
    }),
    column.accessor(fitOf, { id: "fits", header: "Fits", sortFn: "alphanumeric", cell: ({ row: { original } }) => <FitMark fit={original} /> }),
    column.accessor((board) => board.flash_free ?? undefined, {
      id: "flash",
      header: "Flash",
      sortDescFirst: true,
      sortUndefined: "last",
      cell: ({ row: { original } }) => <FreeBar free={original.flash_free} need={need.flash} />,
    }),
    column.accessor((board) => board.ram_free ?? undefined, {
      id: "ram",
      header: "RAM",
      sortDescFirst: true,
      sortUndefined: "last",
      cell: ({ row: { original } }) => <FreeBar free={original.ram_free} need={need.ram} />,
    }),
    column.accessor((board) => board.latency_ms ?? undefined, {
      id: "latency",
      header: "Latency",
      sortDescFirst: false,
      sortUndefined: "last",
      meta: { right: true, wide: true, hint: "Estimated cycles at the board's clock" },
      cell: ({ row: { original } }) => milliseconds(original.latency_ms),
    }),
    column.accessor((board) => headroom(board) ?? undefined, {
      id: "headroom",
      header: "Headroom",
      sortDescFirst: true,
      sortUndefined: "last",
      meta: { right: true, wide: true, hint: "What stays free of the scarcer of flash and RAM; below zero what is missing" },
      cell: ({ row: { original } }) => <Signed bytes={headroom(original)} />,
    }),
  ]) as Columns<BoardFit>
}
