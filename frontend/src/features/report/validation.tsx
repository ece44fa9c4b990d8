import type { ReactNode } from "react"
import classes from "./report.module.css"
import type { Report } from "@/api/types"
import { CheckIcon, CrossIcon } from "@/components/icons"
import { integer, percent, small } from "@/lib/format"

/** What was compared with what, and how far apart it was. */
export function ValidationPanel({ report }: { report: Report }) {
  const { validation, layers, toolchain } = report
  if (!validation) {
    return (
      <section className="panel panel-body">
        <p>
          The compiled code was not run, because the compilation asked for no run. Compile again with <em>Run and validate on the emulator</em>{" "}
          to compare every layer with the model.
        </p>
      </section>
    )
  }
  const compared = layers.filter((layer) => layer.error !== null)
  const worst = compared.reduce<(typeof compared)[number] | null>(
    (most, layer) => (most === null || layer.error!.max_abs > most.error!.max_abs ? layer : most),
    null,
  )
  return (
    <section className="panel" aria-labelledby="validation">
      <div className="panel-head">
        <h2 id="validation">Validation</h2>
        <span className={classes.outcome} data-passed={validation.passed}>
          {validation.passed ? <CheckIcon /> : <CrossIcon />}
          {validation.passed ? "Passed" : "Failed"}
        </span>
      </div>
      <dl className={classes.rows}>
        <Item name="Reference">{validation.reference}</Item>
        <Item name="Run on">{toolchain.emulator ? `${toolchain.emulator} ${toolchain.emulator_version ?? ""}` : "–"}</Item>
        <Item name="Input vectors">{integer(validation.vectors)}</Item>
        <Item name="Layers compared">
          {integer(compared.length)} of {integer(layers.length)}
        </Item>
        <Item name="Largest error, of the tensor's range">
          {small(validation.max_rel_error)}, where {small(validation.tolerance)} is tolerated
        </Item>
        <Item name="Largest absolute error">
          {small(validation.max_abs_error)}
          {worst && <span className="muted"> (largest inside: {small(worst.error!.max_abs)} in {worst.name})</span>}
        </Item>
        <Item name="Cosine">{validation.cosine == null ? "–" : validation.cosine.toFixed(9)}</Item>
        <Item name="Same largest output">{percent(validation.argmax_agreement)}</Item>
        <Item name="Bit exact">{validation.bit_exact ? "yes" : "no: sums are taken in another order"}</Item>
      </dl>
    </section>
  )
}

function Item({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
