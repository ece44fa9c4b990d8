import { NativeSelect, TextInput } from "@mantine/core"
import { useMemo } from "react"
import { BoardPicker } from "./board-picker"
import { BudgetFields } from "./budget-fields"
import { EstimateSummary } from "./estimate-note"
import classes from "./new-compile.module.css"
import { PrecisionCards } from "./precision-cards"
import { QuantiseSection } from "./quantise-section"
import { SchemaFields } from "./schema-fields"
import { TargetCards } from "./target-cards"
import type { Board, Catalog, Emitter, Inspection, Pack } from "@/api/types"
import { CheckCards, ChoiceCards } from "@/components/choice"
import type { Beside } from "@/lib/beside"
import type { Needs } from "@/lib/estimate"
import { languageTitle } from "@/lib/languages"
import { isMadeFor } from "@/lib/packs"
import type { Plan } from "@/lib/plan"
import { fieldsOf } from "@/lib/schema"

interface Props {
  plan: Plan
  onChange: (plan: Plan) => void
  inspection: Inspection
  files: Beside
  onFiles: (files: Beside) => void
  catalog: Catalog | undefined
  needs: Needs | null
  /** Why there is no estimate. */
  noEstimate: string
}

/** Options with a control of their own; the compiler describes the others. */
const OWN = [
  "target", "board", "emit", "precision", "optimize", "name", "shape", "pack", "budget",
  "rounding", "quantizer", "preprocess", "mixed", "accuracy_budget", "keep",
]

const NO_BOARDS: Board[] = []

/** Every option has a default that is fine; what few people touch is folded away. */
export function OptionsForm({ plan, onChange, inspection, files, onFiles, catalog, needs, noEstimate }: Props) {
  const set = <K extends keyof Plan>(key: K, value: Plan[K]) => onChange({ ...plan, [key]: value })
  const fields = useMemo(() => fieldsOf(catalog?.options, OWN), [catalog?.options])
  const targets = catalog?.targets ?? []
  const boards = catalog?.boards ?? NO_BOARDS
  return (
    <>
      <section className={classes.section} aria-labelledby="targets-title">
        <h2 id="targets-title">Targets</h2>
        <EstimateSummary needs={needs} reason={noEstimate} />
        {plan.board === null && (
          <TargetCards
            targets={targets}
            boards={boards}
            needs={needs}
            values={plan.target}
            onChange={(target) => set("target", target)}
          />
        )}
        {boards.length > 0 && (
          <details className={classes.advanced} open={plan.board !== null || undefined}>
            <summary>Compile for a board</summary>
            <div className={classes.advancedBody}>
              <BoardPicker
                boards={boards}
                needs={needs}
                value={plan.board}
                onChange={(board) =>
                  onChange({ ...plan, board: board?.name ?? null, target: board?.target ? [board.target] : plan.target })
                }
              />
            </div>
          </details>
        )}
      </section>
      <section className={classes.section} aria-label="Arithmetic">
        <PrecisionCards plan={plan} onChange={(precision) => set("precision", precision)} catalog={catalog} inspection={inspection} />
        <QuantiseSection plan={plan} onChange={onChange} files={files} onFiles={onFiles} already={inspection.quantised} />
      </section>
      <div className={classes.trio}>
        <CheckCards
          legend="Languages"
          values={plan.emit}
          choices={languages(catalog, plan)}
          onChange={(emit) => set("emit", (catalog?.emitters ?? []).map(({ name }) => name as Emitter).filter((name) => emit.includes(name)))}
        />
        <ChoiceCards legend="Optimise for" value={plan.optimize} choices={choices(catalog?.optimize, plan.optimize)} onChange={(v) => set("optimize", v)} />
      </div>
      <div className={classes.pair}>
        <TextInput
          label="Name"
          description="Prefix of every generated symbol and file"
          value={plan.name}
          error={nameProblem(plan.name)}
          onChange={(event) => set("name", event.currentTarget.value)}
          autoComplete="off"
          spellCheck={false}
          maxLength={31}
        />
        <PackSelect packs={catalog?.packs ?? []} plan={plan} onChange={(pack) => set("pack", pack)} />
      </div>
      <details className={classes.advanced}>
        <summary>Advanced</summary>
        <div className={classes.advancedBody}>
          <BudgetFields budget={plan.budget} board={boards.find(({ name }) => name === plan.board)} onChange={(budget) => set("budget", budget)} />
          <div className={classes.fields}>
            <SchemaFields fields={fields} values={plan as unknown as Record<string, unknown>} onChange={(key, value) => onChange({ ...plan, [key]: value })} />
          </div>
        </div>
      </details>
    </>
  )
}

/** A format that cannot be made for all of the compilations is not offered. */
function PackSelect({ packs, plan, onChange }: { packs: readonly Pack[]; plan: Plan; onChange: (pack: string | null) => void }) {
  const chosen = packs.find(({ name }) => name === plan.pack)
  const possible = packs.map((pack) => ({ value: pack.name, label: pack.title, disabled: !isMadeFor(pack, plan.target, plan.emit) }))
  return (
    <NativeSelect
      label="Package for a build system"
      description={chosen?.description ?? "Goes into the zip; every other can be downloaded later"}
      value={plan.pack ?? ""}
      error={chosen && !isMadeFor(chosen, plan.target, plan.emit) ? "Not there for all of the targets and languages" : null}
      onChange={(event) => onChange(event.currentTarget.value || null)}
      data={[{ value: "", label: "none" }, ...possible]}
    />
  )
}

/** What the catalogue offers; until it is there, the choice that is made anyway. */
function choices<T extends string>(offered: { name: string; title: string; description: string }[] | undefined, chosen: T) {
  return (offered ?? [{ name: chosen, title: chosen, description: "" }]).map(({ name, title, description }) => ({
    value: name as T,
    title: title || name,
    description,
  }))
}

function languages(catalog: Catalog | undefined, plan: Plan) {
  const offered = catalog?.emitters ?? plan.emit.map((name) => ({ name, title: languageTitle(name), description: "" }))
  return offered.map(({ name, title, description }) => ({ value: name as Emitter, title, description }))
}

function nameProblem(name: string): string | null {
  return /^[a-z][a-z0-9_]{0,30}$/.test(name) ? null : "A lower-case C identifier: letters, digits and underscores"
}
