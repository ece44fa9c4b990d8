import { useMemo } from "react"
import classes from "./mix.module.css"
import type { Report } from "@/api/types"
import { compact, integer, percent } from "@/lib/format"
import { mixOf, type MixRow } from "@/lib/mix"

const COLOURS = 8

/** What kind of work each layer does, as bars and as a table. */
export function MixView({ report }: { report: Report }) {
  const mix = useMemo(() => mixOf(report.layers), [report.layers])
  if (!mix) {
    return (
      <section className="panel panel-body">
        <p>Instructions were not counted by kind: the code was not run, or not on an emulator that tells single instructions apart.</p>
      </section>
    )
  }
  const most = Math.max(1, ...mix.rows.map(({ total }) => total))
  const all: MixRow = { name: "All layers", op: "", total: mix.total, counts: mix.sum }
  return (
    <section className="panel" aria-labelledby="mix">
      <div className="panel-head">
        <h2 id="mix">Executed instructions by kind</h2>
        <ul className={classes.legend} aria-label="Colours of the kinds">
          {mix.classes.map((kind, index) => (
            <li key={kind}>
              <span className={classes.swatch} data-tint={index % COLOURS} data-second={index >= COLOURS || undefined} aria-hidden="true" /> {kind}
            </li>
          ))}
        </ul>
      </div>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a region that scrolls must be reachable */}
      <div className="scroll-x" role="region" aria-label="Instruction mix" tabIndex={0}>
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Layer</th>
              <th scope="col" className={classes.barColumn}>
                Of its instructions
              </th>
              <th scope="col" className="right">
                Executed
              </th>
              {mix.classes.map((kind) => (
                <th key={kind} scope="col" className="right wide-only">
                  {kind}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {mix.rows.map((row, index) => (
              <Row key={`${index} ${row.name}`} row={row} classNames={mix.classes} scale={row.total / most} />
            ))}
          </tbody>
          <tfoot>
            <Row row={all} classNames={mix.classes} scale={1} />
          </tfoot>
        </table>
      </div>
      <p className={classes.note}>The height of a bar shows how many instructions the layer executes, its parts their kinds.</p>
    </section>
  )
}

function Row({ row, classNames, scale }: { row: MixRow; classNames: readonly string[]; scale: number }) {
  const share = (kind: string) => (row.total > 0 ? (row.counts[kind] ?? 0) / row.total : 0)
  return (
    <tr>
      <th scope="row">
        {row.name} <span className={classes.op}>{row.op}</span>
      </th>
      <td className={classes.barColumn}>
        <span className={classes.bar} style={{ height: `${0.3 + scale}rem` }} aria-hidden="true">
          {classNames.map((kind, index) => (
            <span
              key={kind}
              data-tint={index % COLOURS}
              data-second={index >= COLOURS || undefined}
              style={{ width: `${share(kind) * 100}%` }}
              title={`${kind}: ${integer(row.counts[kind] ?? 0)}, ${percent(share(kind))}`}
            />
          ))}
        </span>
      </td>
      <td className="right" title={integer(row.total)}>
        {row.total > 0 ? compact(row.total) : "–"}
      </td>
      {classNames.map((kind) => (
        <td key={kind} className="right wide-only" title={integer(row.counts[kind] ?? 0)}>
          {row.counts[kind] ? percent(share(kind)) : <span className="muted">–</span>}
        </td>
      ))}
    </tr>
  )
}
