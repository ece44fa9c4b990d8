import { useQueries } from "@tanstack/react-query"
import classes from "./quantise.module.css"
import { supportQuery } from "@/api/inspections"
import type { Catalog, Inspection, Precision } from "@/api/types"
import { CheckCards } from "@/components/choice"
import { CheckIcon } from "@/components/icons"
import { costsOf, type Costs, sizeText } from "@/lib/costs"
import { decidingOf, type Plan } from "@/lib/plan"

interface Props {
  plan: Plan
  onChange: (precision: Precision[]) => void
  catalog: Catalog | undefined
  inspection: Inspection
}

/** Which arithmetic: each with what it would need on the first chosen target, planned by a worker. */
export function PrecisionCards({ plan, onChange, catalog, inspection }: Props) {
  const offered = catalog?.precisions ?? plan.precision.map((name) => ({ name, title: name, description: "" }))
  const target = plan.target.slice(0, 1)
  const planned = useQueries({
    queries: offered.map(({ name }) => ({
      ...supportQuery(inspection.sha256, { ...decidingOf(plan), target, precision: name }),
      enabled: inspection.compilable && target.length > 0 && plan.source === null && !inspection.quantised,
      retry: false,
    })),
  })
  if (inspection.quantised) return <AlreadyQuantised kind={inspection.quantised} support={inspection.support[0]} />
  const costs = planned.map(({ data }) => costsOf(data))
  const float = costs[offered.findIndex(({ name }) => name === "float32")] ?? null
  return (
    <div className={classes.precision}>
      <CheckCards
        wide
        legend="Precision"
        values={plan.precision}
        onChange={(chosen) => onChange(offered.map(({ name }) => name as Precision).filter((name) => chosen.includes(name)))}
        choices={offered.map(({ name, title, description }, index) => ({
          value: name as Precision,
          title,
          description,
          note: <CostNote costs={costs[index] ?? null} float={name === "float32" ? null : float} busy={planned[index]!.isFetching} why={planned[index]!.data?.no_estimate} />,
        }))}
      />
      <p className={classes.about}>
        {target.length > 0 && (
          <>
            For <code>{target[0]}</code>: weights and arena as planned; code and stack come on top.{" "}
          </>
        )}
        Choose several to compare them on one page.
      </p>
    </div>
  )
}

interface CostProps {
  costs: Costs | null
  float: Costs | null
  busy: boolean
  why: string | undefined
}

function CostNote({ costs, float, busy, why }: CostProps) {
  if (!costs) return busy ? <span className="muted">being planned…</span> : why ? <span className="muted">{why}</span> : null
  return (
    <span className={classes.costs}>
      <span>flash {sizeText(costs.weights, float?.weights)}</span>
      <span>RAM {sizeText(costs.arena, float?.arena)}</span>
    </span>
  )
}

/** There is nothing to choose: a model that is quantised is compiled as it is. */
function AlreadyQuantised({ kind, support }: { kind: string; support: Inspection["support"][number] | undefined }) {
  const costs = support && costsOf({ support: [support] })
  return (
    <div className={classes.already}>
      <CheckIcon size={18} />
      <span>
        <strong>This model is {kind}.</strong> It is compiled as it is, bit for bit; the precision that float models can choose does not apply.
        {costs && (
          <>
            {" "}
            Weights take {sizeText(costs.weights)} of flash, the arena {sizeText(costs.arena)} of RAM; code and stack come on top.
          </>
        )}
      </span>
    </div>
  )
}
