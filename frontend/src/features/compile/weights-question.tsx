import { SegmentedControl } from "@mantine/core"
import { useId, useState } from "react"
import { ArchitectureEditor } from "./architecture-editor"
import classes from "./architecture.module.css"
import { SourceForm } from "./source-form"
import type { Ready } from "./use-inspection"
import type { Architecture } from "@/api/types"
import type { Plan } from "@/lib/plan"

type Way = "layers" | "source"

interface Props {
  listed: Architecture
  plan: Plan
  onPlan: (plan: Plan) => void
  onCheck: (list: Architecture) => void
  check: Ready["check"]
  /** May a model.py be given to this service? */
  sourceAllowed: boolean
}

/** Weights do not say how layers are connected: a list of them does, or the source of the class. */
export function WeightsQuestion({ listed, plan, onPlan, onCheck, check, sourceAllowed }: Props) {
  const [way, setWay] = useState<Way>("layers")
  const [list, setList] = useState(listed)
  const title = useId()
  const choose = (next: Way) => {
    setWay(next)
    // the layers are told in one way or the other, never in both
    onPlan({ ...plan, architecture: null, source: null, class_name: null, class_args: null, shape: {} })
  }
  return (
    <section className="panel" aria-labelledby={title}>
      <div className="panel-head">
        <h2 id={title}>Layers of the model</h2>
        <SegmentedControl
          aria-label="Told by"
          size="xs"
          value={way}
          onChange={(next) => choose(next)}
          data={[
            { value: "layers", label: "A list of layers" },
            { value: "source", label: "model.py", disabled: !sourceAllowed },
          ]}
        />
      </div>
      {!sourceAllowed && <p className={`muted ${classes.remark}`}>A model.py is not taken: this service does not run code of its users.</p>}
      {way === "layers" ? (
        <ArchitectureEditor
          list={list}
          onChange={(next, sent) => {
            setList(next)
            onPlan({ ...plan, architecture: sent })
          }}
          onCheck={onCheck}
          check={check}
        />
      ) : (
        <SourceForm plan={plan} onPlan={onPlan} />
      )}
    </section>
  )
}
