import { Button } from "@mantine/core"
import { useMutation, useQuery } from "@tanstack/react-query"
import { useNavigate } from "@tanstack/react-router"
import { type ReactNode, useState } from "react"
import { GraphPanel } from "./graph-panel"
import classes from "./new-compile.module.css"
import { obstacleOf } from "./obstacle"
import { OptionsForm } from "./options-form"
import { Preview, UnsupportedNodes, Verdict } from "./preview"
import { type ShapeAsked, ShapeQuestion } from "./shape-question"
import { SupportPanel } from "./support-panel"
import { WeightsQuestion } from "./weights-question"
import type { Ready } from "./use-inspection"
import { catalogQuery } from "@/api/catalog"
import { createCompilations } from "@/api/compilations"
import type { CompileOptions, Inspection } from "@/api/types"
import { Command } from "@/components/command"
import { ErrorLink } from "@/components/error-link"
import { asError, Problem } from "@/components/problem"
import { namesOf, NO_FILES, used } from "@/lib/beside"
import { needsOf } from "@/lib/estimate"
import { percent, plural } from "@/lib/format"
import { sampleCommand } from "@/lib/options"
import { countOf, DEFAULT_PLAN, type Plan, planCli, planCurl, requestOf } from "@/lib/plan"
import { isWeightsAlone } from "@/lib/architecture"
import { parseShape, proposalText, shapeProblem } from "@/lib/shape"

interface Props {
  phase: Ready
  children: ReactNode
  onCheck: (options: Partial<CompileOptions>) => void
  onReset: () => void
}

/** Preview on one side, options and the one big button on the other. */
export function Setup({ phase, children, onCheck, onReset }: Props) {
  const { inspection, name, sample } = phase
  const navigate = useNavigate()
  const catalog = useQuery(catalogQuery)
  const [plan, setPlan] = useState<Plan>(DEFAULT_PLAN)
  // what the file itself leaves open; an inspection with a shape needs nothing more
  const [needed] = useState(() => questions(inspection))
  // a file of weights alone says no more about its layers once a list of them was given
  const [listed] = useState(inspection.architecture)
  const [shapes, setShapes] = useState<Record<string, string>>(() => mapValues(needed, ({ proposal }) => proposalText(proposal)))
  const [files, setFiles] = useState(NO_FILES)
  const [share, setShare] = useState(0)
  const sent = inspection.quantised ? NO_FILES : used(files, plan)
  const submit = useMutation({
    mutationFn: (asked: Plan) => createCompilations({ sha256: inspection.sha256 }, requestOf(asked), sent, setShare),
    onSuccess: ({ id, group }) =>
      group ? navigate({ to: "/groups/$id", params: { id: group } }) : navigate({ to: "/jobs/$id", params: { id } }),
  })

  const weightsAlone = isWeightsAlone(inspection)
  const asked = Object.keys(needed)
  const answered = asked.every((input) => shapeProblem(shapes[input] ?? "", needed[input]!.open) === null)
  const shape = answered ? mapValues(shapes, (text) => parseShape(text) ?? []) : {}
  const complete: Plan = { ...plan, shape: plan.source === null ? shape : plan.shape }
  const most = catalog.data?.limits.compilations
  const obstacle = obstacleOf({ inspection, plan, files, answered, most })

  return (
    <>
      <div className={classes.titleRow}>
        <h1 className={classes.modelName}>{name}</h1>
        <Button variant="default" size="compact-sm" onClick={onReset}>
          Choose another model
        </Button>
      </div>
      <div className={classes.band}>
        {children}
        <Verdict inspection={inspection} />
        {inspection.unsupported.length > 0 && !weightsAlone && <UnsupportedNodes inspection={inspection} />}
        {listed && (
          <WeightsQuestion
            listed={listed}
            plan={plan}
            onPlan={setPlan}
            onCheck={(architecture) => onCheck({ shape, architecture })}
            check={phase.check}
            sourceAllowed={catalog.data?.limits.source ?? false}
          />
        )}
        {!weightsAlone && <GraphPanel key={phase.id} phase={phase} />}
      </div>
      <div className={classes.columns}>
        <div className={classes.left}>
          <Preview inspection={inspection} />
          {inspection.compilable && <SupportPanel inspection={inspection} plan={complete} targets={catalog.data?.targets ?? []} />}
        </div>
        <form
          className={classes.right}
          aria-label="Options"
          onSubmit={(event) => {
            event.preventDefault()
            if (!obstacle && !submit.isPending) submit.mutate(complete)
          }}
        >
          <div className={`panel ${classes.options}`}>
            {asked.length > 0 && (
              <ShapeQuestion needed={needed} texts={shapes} onChange={setShapes} onCheck={answered ? () => onCheck({ shape, architecture: plan.architecture }) : null} check={phase.check} />
            )}
            <OptionsForm
              plan={plan}
              onChange={setPlan}
              inspection={inspection}
              files={files}
              onFiles={setFiles}
              catalog={catalog.data}
              needs={needsOf(inspection)}
              noEstimate={inspection.no_estimate}
            />
            {submit.isError && (
              <Problem error={asError(submit.error)}>
                {asError(submit.error).code && <ErrorLink code={asError(submit.error).code} />}
              </Problem>
            )}
            <div className={classes.go}>
              <Button
                type="submit"
                size="md"
                fullWidth
                loading={submit.isPending}
                disabled={obstacle !== null}
                aria-describedby="what-is-made"
              >
                Compile
              </Button>
              <p id="what-is-made" className="muted" role="status">
                {obstacle ?? (submit.isPending && Object.values(sent).some(Boolean) ? `Uploading the files: ${percent(share, 0)}` : whatIsMade(plan))}
              </p>
            </div>
          </div>
          <details className={`panel ${classes.commands}`}>
            <summary>The same from a terminal</summary>
            <div className={classes.commandList}>
              {sample && <Command what="Fetch the sample" label="Copy" text={sampleCommand(sample, window.location.origin)} />}
              <Command what="Command line" label="Copy as CLI" text={planCli(name, complete, namesOf(sent))} />
              <Command what="REST" label="Copy as curl" text={planCurl(name, complete, window.location.origin, namesOf(sent))} />
            </div>
          </details>
        </form>
      </div>
    </>
  )
}

/** Which inputs to ask for: what is proposed, and which dimensions are really open. */
function questions({ shape_needed, inputs }: Inspection): Record<string, ShapeAsked> {
  return Object.fromEntries(
    Object.entries(shape_needed).map(([name, proposal]) => {
      const known = inputs.find((input) => input.name === name)?.shape
      return [name, { proposal, open: known?.length === proposal.length ? known : proposal.map(() => null) }]
    }),
  )
}

/** Said before the click, so that four compilations are no surprise. */
function whatIsMade(plan: Plan): string {
  const count = countOf(plan)
  if (count === 1) return "One compilation."
  const product = [plural(plan.target.length, "target"), plural(plan.emit.length, "language"), plan.precision.length > 1 && plural(plan.precision.length, "precision")]
    .filter(Boolean)
    .join(" × ")
  return `${count} compilations: ${product}, compared on one page.`
}

function mapValues<A, B>(record: Record<string, A>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]))
}
