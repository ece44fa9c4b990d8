import { useQueries } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import classes from "./precisions.module.css"
import { reportQuery } from "@/api/compilations"
import type { Compilation, Report } from "@/api/types"
import { ErrorBar } from "@/components/quantization/error-bar"
import { TensorTable } from "@/components/quantization/tensor-table"
import { bytes, compact, exactBytes, integer, milliseconds, percent } from "@/lib/format"
import { languageTitle } from "@/lib/languages"
import { besides, type Pair } from "@/lib/precisions"
import { decibels, pointsLost, pointsText } from "@/lib/quantization"

interface Row {
  name: string
  value: (report: Report) => number | null | undefined
  show: (value: number) => string
  exact?: (value: number) => string
}

const ROWS: Row[] = [
  { name: "Flash", value: ({ totals }) => totals.flash.total, show: bytes, exact: exactBytes },
  { name: "of it weights", value: ({ totals }) => totals.flash.weights, show: bytes, exact: exactBytes },
  { name: "RAM", value: ({ totals }) => totals.ram.total, show: bytes, exact: exactBytes },
  { name: "Instructions", value: ({ totals }) => totals.instructions, show: compact, exact: integer },
  { name: "Cycles, estimated", value: ({ totals }) => totals.cycles, show: compact, exact: integer },
  { name: "Latency", value: ({ totals }) => totals.latency_ms, show: milliseconds },
]

/** The same model in several precisions, side by side: what each costs, and what it loses. */
export function GroupPrecisions({ jobs }: { jobs: Compilation[] }) {
  const done = jobs.filter((job) => job.summary !== null)
  const reports = useQueries({ queries: done.map((job) => reportQuery(job.id)) })
  const pairs = besides(done.flatMap((job, at) => (reports[at]?.data ? [{ job, report: reports[at].data }] : [])))
  if (done.length === 0) return <p className="panel panel-body muted">Nothing has been compiled yet; the comparison appears with the first reports.</p>
  if (reports.some(({ isPending }) => isPending)) return <p className="panel panel-body muted">Loading the reports…</p>
  if (pairs.length === 0) return <p className="panel panel-body">The compilations that succeeded share one precision: there is nothing to compare.</p>
  return (
    <div className={classes.view}>
      {pairs.map((pair) => (
        <Comparison key={`${pair.target} ${pair.emit}`} pair={pair} />
      ))}
    </div>
  )
}

function Comparison({ pair: { target, emit, members } }: { pair: Pair }) {
  const base = members[0]!
  const title = `${target}, ${languageTitle(emit)}`
  const integers = members.filter(({ report }) => report.quantization !== null)
  return (
    <>
      <section className="panel" aria-label={`Precisions on ${title}`}>
        <div className="panel-head">
          <h2>{title}</h2>
          <span className="muted">bars are shares of {base.job.precision}</span>
        </div>
        {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a region that scrolls must be reachable */}
        <div className="scroll-x" role="region" aria-label={`Costs on ${title}`} tabIndex={0}>
          <table className="table">
            <thead>
              <tr>
                <th scope="col">
                  <span className="visually-hidden">What</span>
                </th>
                {members.map(({ job }) => (
                  <th key={job.id} scope="col">
                    <Link to="/jobs/$id" params={{ id: job.id }} search={job.precision === "float32" ? {} : { tab: "quantization" }}>
                      {job.precision}
                    </Link>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {ROWS.map((row) => (
                <tr key={row.name}>
                  <th scope="row">{row.name}</th>
                  {members.map(({ job, report }) => (
                    <td key={job.id}>
                      <Cost row={row} report={report} base={base.report} />
                    </td>
                  ))}
                </tr>
              ))}
              <tr>
                <th scope="row">Accuracy</th>
                {members.map(({ job, report }) => (
                  <td key={job.id}>
                    <AccuracyCell report={report} />
                  </td>
                ))}
              </tr>
              <tr>
                <th scope="row">Same answer as float</th>
                {members.map(({ job, report }) => (
                  <td key={job.id} className="number">
                    {report.quantization ? percent(report.quantization.agreement) : <Nothing />}
                  </td>
                ))}
              </tr>
              <tr>
                <th scope="row">Error of the outputs</th>
                {members.map(({ job, report }) => (
                  <td key={job.id}>{report.quantization ? <ErrorBar sqnr={report.quantization.sqnr_db} /> : <Nothing />}</td>
                ))}
              </tr>
            </tbody>
          </table>
        </div>
      </section>
      {integers.map(
        ({ job, report }) =>
          report.quantization &&
          report.quantization.tensors.length > 0 && (
            <section key={job.id} className="panel" aria-label={`Errors of ${job.precision} on ${title}`}>
              <div className="panel-head">
                <h3>
                  {job.precision} against float, tensor by tensor, the worst first
                </h3>
                <span className="muted">outputs at {decibels(report.quantization.sqnr_db)}</span>
              </div>
              <TensorTable quantization={report.quantization} />
            </section>
          ),
      )}
    </>
  )
}

function Cost({ row, report, base }: { row: Row; report: Report; base: Report }) {
  const value = row.value(report)
  const of = row.value(base)
  if (value == null) return <span className="muted" title="not measured">–</span>
  const share = of ? value / of : null
  return (
    <span className={classes.cost} title={row.exact?.(value)}>
      <span className={classes.track} aria-hidden="true">
        {share !== null && <span style={{ inlineSize: `${Math.min(1, share) * 100}%` }} data-more={share > 1 || undefined} />}
      </span>
      <span className="number">
        {row.show(value)}
        {share !== null && report !== base && <span className={classes.share}> {percent(share, 0)}</span>}
      </span>
    </span>
  )
}

function AccuracyCell({ report }: { report: Report }) {
  const { accuracy } = report
  const share = accuracy?.quantized ?? accuracy?.float32
  if (!accuracy || share == null) return <span className="muted" title="no labels were given">not measured</span>
  const lost = pointsLost(accuracy)
  return (
    <span className="number">
      {percent(share, 2)}
      {lost !== null && <span className={classes.share}> {pointsText(lost)}</span>}
    </span>
  )
}

function Nothing() {
  return <span className="muted">–</span>
}
