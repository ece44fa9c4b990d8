import { useQueries, useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { useMemo, useState } from "react"
import classes from "./group.module.css"
import { boardSources, catalogQuery } from "@/api/catalog"
import { reportQuery } from "@/api/compilations"
import type { Compilation } from "@/api/types"
import { columnHelper, type Columns, DataTable } from "@/components/data-table"
import { FitFilters } from "@/components/fit-filter"
import { BoardName, FitMark, Signed } from "@/components/fit-parts"
import { milliseconds, plural } from "@/lib/format"
import { fitOf, headroom, isWanted, NO_FILTER } from "@/lib/fits"
import { languageTitle } from "@/lib/languages"
import { type Cell, type MatrixRow, mergeFits } from "@/lib/matrix"

const column = columnHelper<MatrixRow>()

/** The fit matrix over all targets of the group. */
export function GroupBoards({ jobs }: { jobs: Compilation[] }) {
  const done = useMemo(() => jobs.filter((job) => job.summary !== null), [jobs])
  const reports = useQueries({
    queries: done.map((job) => reportQuery(job.id)),
    combine: (results) => ({
      found: results.flatMap(({ data }, at) => (data ? [{ job: done[at]!, report: data }] : [])),
      pending: results.some(({ isPending }) => isPending),
    }),
  })
  const { data: sources } = useQuery({ ...catalogQuery, select: boardSources })
  const [filter, setFilter] = useState(NO_FILTER)
  const rows = useMemo(() => mergeFits(reports.found), [reports.found])
  const languages = useMemo(() => [...new Set(jobs.map(({ emit }) => emit))], [jobs])
  const columns = useMemo(() => columnsOf(languages, sources), [languages, sources])
  const shown = useMemo(
    () => rows.filter(({ board, cells }) => isWanted(board, filter) && (!filter.fit || [...cells.values()].some(({ fit }) => fitOf(fit) === filter.fit))),
    [rows, filter],
  )
  if (done.length === 0) return <p className="panel panel-body muted">Nothing has been compiled yet; boards appear with the first report.</p>
  if (reports.pending) return <p className="panel panel-body muted">Loading the reports…</p>
  if (rows.length === 0) return <p className="panel panel-body">No board in the table has one of these processors.</p>
  return (
    <section className="panel" aria-label="Boards">
      <FitFilters boards={rows.map(({ board }) => board)} value={filter} onChange={setFilter} />
      <DataTable caption="Fit matrix of the group" columns={columns} rows={shown} />
      <p className={classes.note} role="status">
        {shown.length === rows.length ? `${plural(rows.length, "board")} with these processors.` : `${plural(shown.length, "board")} of ${rows.length} shown.`}
      </p>
    </section>
  )
}

function columnsOf(languages: readonly string[], sources: ReturnType<typeof boardSources> | undefined): Columns<MatrixRow> {
  return column.columns([
    column.accessor(({ board }) => board.title || board.name, {
      id: "board",
      header: "Board",
      sortFn: "alphanumeric",
      cell: ({ row: { original } }) => <BoardName board={original.board} sources={sources?.get(original.board.name)} />,
    }),
    column.accessor("target", { header: "Target", sortFn: "alphanumeric", meta: { wide: true } }),
    ...languages.map((emit) =>
      column.accessor(({ cells }) => fitSort(cells.get(emit)), {
        id: emit,
        header: languageTitle(emit),
        sortDescFirst: true,
        sortUndefined: "last",
        cell: ({ row: { original } }) => <FitCell cell={original.cells.get(emit)} />,
      }),
    ),
    column.accessor((row) => row.headroom ?? undefined, {
      id: "headroom",
      header: "Headroom",
      sortDescFirst: true,
      sortUndefined: "last",
      meta: { right: true, wide: true, hint: "What stays free of the scarcer of flash and RAM, in the language that leaves most" },
      cell: ({ row: { original } }) => <Signed bytes={original.headroom} />,
    }),
  ]) as Columns<MatrixRow>
}

function fitSort(cell: Cell | undefined): number | undefined {
  return cell ? (headroom(cell.fit) ?? undefined) : undefined
}

function FitCell({ cell }: { cell: Cell | undefined }) {
  if (!cell) return <span className="muted">–</span>
  const { job, fit } = cell
  return (
    <span className={classes.fit}>
      <Link to="/jobs/$id" params={{ id: job.id }} search={{ tab: "boards" }} className={classes.fitLink} aria-label={`${fitWord(cell)}: ${job.target}, ${languageTitle(job.emit)}`}>
        <FitMark fit={fit} />
      </Link>
      <span className={classes.beside}>
        <Signed bytes={fit.flash_free} /> flash, <Signed bytes={fit.ram_free} /> RAM free{fit.latency_ms !== null && `, ${milliseconds(fit.latency_ms)}`}
      </span>
    </span>
  )
}

function fitWord({ fit }: Cell): string {
  return { yes: "fits", no: "too small", unknown: "not known" }[fitOf(fit)]
}
