import type { ReactNode } from "react"
import classes from "./report.module.css"
import type { Report } from "@/api/types"
import { Bytes, Count } from "@/components/quantity"
import { compact, errorMargin, integer, milliseconds } from "@/lib/format"

/** What one inference costs, and how each number was obtained. */
export function Totals({ report }: { report: Report }) {
  const { totals, toolchain, model } = report
  const emulator = toolchain.emulator ? "counted on the emulator" : "not run"
  return (
    <section className={`panel ${classes.totals}`} aria-labelledby="totals">
      <div className="panel-head">
        <h2 id="totals">Cost of one inference</h2>
      </div>
      <dl className={classes.stats}>
        <Stat name="Flash" value={<Bytes value={totals.flash.total} />} source="exact, from the linked ELF">
          <Part name="code">
            <Bytes value={totals.flash.code} />
          </Part>
          <Part name="weights">
            <Bytes value={totals.flash.weights} />
          </Part>
          <Part name="start-up, libc">
            <Bytes value={totals.flash.other} />
          </Part>
        </Stat>
        <Stat name="RAM" value={<Bytes value={totals.ram.total} />} source="arena and static exact, stack measured">
          <Part name="arena">
            <Bytes value={totals.ram.arena} />
          </Part>
          <Part name="static">
            <Bytes value={totals.ram.static} />
          </Part>
          <Part name="stack">
            <Bytes value={totals.ram.stack} />
          </Part>
        </Stat>
        <Stat name="Instructions" value={<Count value={totals.instructions} />} source={`${emulator}; not cycles`}>
          <Part name="exactly">
            <span className="number">{integer(totals.instructions)}</span>
          </Part>
          <Part name="per MAC">
            <span className="number">{perMac(totals.instructions, totals.macs)}</span>
          </Part>
          <Part name="cycles">
            {totals.cycles == null ? (
              <span className="muted">not estimated</span>
            ) : (
              <span className="number" title={totals.cycles_model}>
                {compact(totals.cycles)} {errorMargin(totals.cycles_error_percent)}
              </span>
            )}
          </Part>
          {totals.latency_ms != null && (
            <Part name={totals.clock_mhz == null ? "latency" : `at ${totals.clock_mhz} MHz`}>
              <span className="number">{milliseconds(totals.latency_ms)}</span>
            </Part>
          )}
        </Stat>
        <Stat name="Work" value={<Count value={totals.macs} />} source="multiply-accumulates, counted in the graph">
          <Part name="in the model">
            <Count value={model.macs} />
          </Part>
          <Part name="parameters">
            <Count value={model.parameters} />
          </Part>
          <Part name="layers">
            <span className="number">{integer(report.layers.length)}</span>
          </Part>
        </Stat>
      </dl>
      {report.notes.length > 0 && (
        <ul className={classes.notes}>
          {report.notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
    </section>
  )
}

function Stat({ name, value, source, children }: { name: string; value: ReactNode; source: string; children: ReactNode }) {
  return (
    <div className={classes.stat}>
      <dt>
        {name}
        <span className={classes.source}>{source}</span>
      </dt>
      <dd>
        <span className={classes.value}>{value}</span>
        <ul className={classes.parts}>{children}</ul>
      </dd>
    </div>
  )
}

function Part({ name, children }: { name: string; children: ReactNode }) {
  return (
    <li>
      <span>{name}</span>
      {children}
    </li>
  )
}

function perMac(instructions: number | null, macs: number): string {
  return instructions == null || macs === 0 ? "–" : (instructions / macs).toFixed(2)
}
