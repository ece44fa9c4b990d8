import { keepPreviousData, useQuery } from "@tanstack/react-query"
import { KernelTag } from "./kernel-tag"
import classes from "./preview.module.css"
import { supportQuery } from "@/api/inspections"
import type { Inspection, Support, Target } from "@/api/types"
import { asError, Problem } from "@/components/problem"
import { Bytes, Count } from "@/components/quantity"
import { percent } from "@/lib/format"
import { decidingOf, type Plan } from "@/lib/plan"
import { tunedShare } from "@/lib/support"

interface Props {
  inspection: Inspection
  plan: Plan
  targets: readonly Target[]
}

/** What will run on the targets that are chosen now, and what of it is tuned for them. */
export function SupportPanel({ inspection, plan, targets }: Props) {
  const { target, precision } = plan
  const asked = useQuery({
    // of several precisions the last: what is new is what people look for
    ...supportQuery(inspection.sha256, { ...decidingOf(plan), target, precision: precision.at(-1) ?? "float32" }),
    enabled: target.length > 0,
    placeholderData: keepPreviousData,
    retry: false,
  })
  const found = asked.data ?? inspection
  const title = (name: string) => targets.find((one) => one.name === name)?.title ?? name
  return (
    <section className="panel" aria-labelledby="kernels" aria-busy={asked.isFetching}>
      <div className="panel-head">
        <h2 id="kernels">On the chosen targets</h2>
      </div>
      {asked.isError && <Problem error={asError(asked.error)} />}
      {found.no_estimate && <p className="muted panel-body">Not planned yet: {found.no_estimate}.</p>}
      {target.length === 0 ? (
        <p className="muted panel-body">No target is chosen.</p>
      ) : (
        found.support.map((one) => <OneKind key={one.targets.join()} support={one} title={title} />)
      )}
      {found.support.length > 0 && (
        <p className={`muted ${classes.note}`}>Weights and arena are planned for real; for int8 the ranges that calibration finds may still change them a little. Code and stack come on top: they are known once the code is built.</p>
      )}
    </section>
  )
}

function OneKind({ support, title }: { support: Support; title: (name: string) => string }) {
  const share = tunedShare(support)
  return (
    <div className={classes.kind}>
      <h3>{support.targets.map(title).join(", ")}</h3>
      <dl className={classes.sums}>
        <div>
          <dt>weights</dt>
          <dd>
            <Bytes value={support.weights} />
          </dd>
        </div>
        <div>
          <dt>arena</dt>
          <dd>
            <Bytes value={support.arena} />
          </dd>
        </div>
        <div>
          <dt>MACs in tuned kernels</dt>
          <dd>{share === null ? "–" : percent(share, 0)}</dd>
        </div>
      </dl>
      <details className={classes.layers}>
        <summary>Layers after optimisation</summary>
        <ul>
          {support.layers.map((use) => (
            <li key={`${use.op} ${use.kind} ${use.family}`}>
              <span>
                {use.op} <span className={classes.times}>×{use.nodes}</span>
              </span>
              <KernelTag use={use} of={use.nodes} />
              {!!use.macs && (
                <span className="muted">
                  <Count value={use.macs} /> MACs
                </span>
              )}
            </li>
          ))}
        </ul>
      </details>
    </div>
  )
}
