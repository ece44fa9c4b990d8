import { Link } from "@tanstack/react-router"
import { type ReactNode, useMemo } from "react"
import classes from "./group.module.css"
import type { Compilation } from "@/api/types"
import { columnHelper, type Columns, DataTable } from "@/components/data-table"
import { CheckIcon, CrossIcon, StarIcon } from "@/components/icons"
import { StateBadge } from "@/components/state-badge"
import { above, best } from "@/lib/compare"
import { bytes, compact, errorMargin, exactBytes, integer, milliseconds, scientific } from "@/lib/format"
import { languageTitle } from "@/lib/languages"
import { STAGE_TITLES } from "@/lib/stages"

type Summary = NonNullable<Compilation["summary"]>
type Key = "instructions" | "cycles" | "latency_ms" | "flash_total" | "ram_total" | "stack"

interface Measure {
  key: Key
  header: string
  hint: string
  wide?: boolean
  show: (value: number) => string
  exact: (value: number) => string
  /** A second line, such as how far the number may be off. */
  beside?: (summary: Summary) => string
}

const MEASURES: Measure[] = [
  { key: "instructions", header: "Instructions", hint: "Executed on the emulator; not cycles", show: compact, exact: integer },
  {
    key: "cycles",
    header: "Cycles",
    hint: "Estimated by the core's pipeline model",
    wide: true,
    show: compact,
    exact: integer,
    beside: (summary) => errorMargin(summary.cycles_error_percent),
  },
  {
    key: "latency_ms",
    header: "Latency",
    hint: "Cycles at the clock",
    wide: true,
    show: milliseconds,
    exact: (value) => `${value} ms`,
    beside: ({ clock_mhz: clock }) => (clock == null ? "" : `at ${clock} MHz`),
  },
  { key: "flash_total", header: "Flash", hint: "Code, weights and what comes with them", show: bytes, exact: exactBytes },
  { key: "ram_total", header: "RAM", hint: "Arena, static data and stack", show: bytes, exact: exactBytes },
  { key: "stack", header: "Stack", hint: "Measured on the emulator", wide: true, show: bytes, exact: exactBytes },
]

const column = columnHelper<Compilation>()

/** Each compilation with its cost; the best value of each column is marked. */
export function GroupTable({ jobs }: { jobs: Compilation[] }) {
  const columns = useMemo(() => columnsOf(jobs), [jobs])
  return (
    <div className="panel">
      <DataTable caption="Compilations of this group" columns={columns} rows={jobs} />
    </div>
  )
}

function columnsOf(jobs: readonly Compilation[]): Columns<Compilation> {
  const several = new Set(jobs.map((job) => job.precision)).size > 1
  return column.columns([
    column.accessor("target", {
      header: "Target",
      sortFn: "alphanumeric",
      cell: ({ row: { original: job } }) => (
        <span className={classes.target}>
          <Link to="/jobs/$id" params={{ id: job.id }} aria-label={[job.target, languageTitle(job.emit), several && job.precision].filter(Boolean).join(", ")}>
            {job.target}
          </Link>
          <span className={classes.narrowOnly}>{languageTitle(job.emit)}</span>
          {job.state !== "succeeded" && (
            <span className={classes.narrowOnly}>
              <StateBadge state={job.state} />
            </span>
          )}
          {job.error && (
            <span className={classes.failure}>
              <code>{job.error.code}</code> {job.error.title}
            </span>
          )}
        </span>
      ),
    }),
    column.accessor((job) => languageTitle(job.emit), { id: "emit", header: "Language", sortFn: "alphanumeric", meta: { wide: true } }),
    ...(several
      ? [column.accessor("precision", { header: "Precision", sortFn: "alphanumeric" })]
      : []),
    column.accessor("state", {
      header: "State",
      sortFn: "alphanumeric",
      meta: { wide: true },
      cell: ({ row: { original: job } }) => (
        <span className={classes.state}>
          <StateBadge state={job.state} />
          {job.state === "running" && job.stage && <span className="muted">{STAGE_TITLES[job.stage]}</span>}
        </span>
      ),
    }),
    ...MEASURES.map((measure) => {
      const least = best(jobs.map((job) => job.summary?.[measure.key]))
      return column.accessor((job) => job.summary?.[measure.key] ?? undefined, {
        id: measure.key,
        header: measure.header,
        sortDescFirst: false, // less is better
        sortUndefined: "last",
        meta: { right: true, hint: measure.hint, ...(measure.wide && { wide: true }) },
        cell: ({ row: { original: job } }) => <Value measure={measure} summary={job.summary} least={least} />,
      })
    }),
    column.accessor((job) => job.summary?.max_abs_error ?? undefined, {
      id: "error",
      header: "Max error",
      sortDescFirst: false,
      sortUndefined: "last",
      meta: { right: true, wide: true, hint: "Largest absolute difference from the reference" },
      cell: ({ row: { original: job } }) => <Validation summary={job.summary} />,
    }),
  ]) as Columns<Compilation>
}

function Value({ measure, summary, least }: { measure: Measure; summary: Summary | null; least: number | null }) {
  const value = summary?.[measure.key]
  if (summary == null || value == null) return <span className="muted" title="not measured">–</span>
  const isBest = value === least
  const notes = [least === null || isBest ? "" : above(value, least), measure.beside?.(summary) ?? ""].filter(Boolean)
  return (
    <span className={classes.value} data-best={isBest || undefined} title={measure.exact(value)}>
      <span>
        {isBest && <Best />} {measure.show(value)}
      </span>
      {notes.map((note) => (
        <span key={note} className={classes.beside}>
          {note}
        </span>
      ))}
    </span>
  )
}

function Best() {
  return (
    <>
      <StarIcon size={12} />
      <span className="visually-hidden">best: </span>
    </>
  )
}

function Validation({ summary }: { summary: Summary | null }) {
  if (summary?.validation_passed == null) return <Outcome>–</Outcome>
  return (
    <Outcome passed={summary.validation_passed}>
      {summary.validation_passed ? <CheckIcon size={13} /> : <CrossIcon size={13} />}
      <span className="visually-hidden">{summary.validation_passed ? "passed, " : "failed, "}</span>
      <span className={classes.baseline}>{scientific(summary.max_abs_error)}</span>
    </Outcome>
  )
}

function Outcome({ passed, children }: { passed?: boolean; children: ReactNode }) {
  return (
    <span className={classes.outcome} data-passed={passed}>
      {children}
    </span>
  )
}
