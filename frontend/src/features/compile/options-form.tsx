import { NativeSelect, Switch, TextInput } from "@mantine/core"
import classes from "./new-compile.module.css"
import { BudgetFields } from "./budget-fields"
import type { Catalog, CompileOptions } from "@/api/types"
import { ChoiceCards } from "@/components/choice"

interface Props {
  options: CompileOptions
  onChange: (options: CompileOptions) => void
  catalog: Catalog | undefined
}

/** Every option has a default that is fine; what few people touch is folded away. */
export function OptionsForm({ options, onChange, catalog }: Props) {
  const set = <K extends keyof CompileOptions>(key: K, value: CompileOptions[K]) => onChange({ ...options, [key]: value })
  return (
    <>
      <ChoiceCards legend="Target" value={options.target} choices={targetChoices(catalog, options.target)} onChange={(v) => set("target", v)} />
      <div className={classes.pair}>
        <ChoiceCards legend="Precision" value={options.precision} choices={choices(catalog?.precisions, options.precision)} onChange={(v) => set("precision", v)} />
        <ChoiceCards legend="Source language" value={options.emit} choices={choices(catalog?.emitters, options.emit)} onChange={(v) => set("emit", v)} />
      </div>
      <ChoiceCards legend="Optimise for" value={options.optimize} choices={choices(catalog?.optimize, options.optimize)} onChange={(v) => set("optimize", v)} />
      <TextInput
        label="Name"
        description="Prefix of every generated symbol and file"
        value={options.name}
        error={nameProblem(options.name)}
        onChange={(event) => set("name", event.currentTarget.value)}
        autoComplete="off"
        spellCheck={false}
        maxLength={31}
      />
      <details className={classes.advanced}>
        <summary>Advanced</summary>
        <div className={classes.advancedBody}>
          <NativeSelect
            label="Inputs and outputs"
            value={options.io_layout}
            onChange={(event) => set("io_layout", event.currentTarget.value as CompileOptions["io_layout"])}
            data={[
              { value: "source", label: "in the model's element order" },
              { value: "native", label: "in the internal order, without a copy" },
            ]}
          />
          <NativeSelect
            label="Working memory"
            value={options.arena}
            onChange={(event) => set("arena", event.currentTarget.value as CompileOptions["arena"])}
            data={[
              { value: "static", label: "static, in the object" },
              { value: "caller", label: "handed over by the caller" },
            ]}
          />
          <NativeSelect
            label="Weights"
            value={options.weights}
            onChange={(event) => set("weights", event.currentTarget.value as CompileOptions["weights"])}
            data={[
              { value: "auto", label: "C arrays up to 1 MiB, then a file" },
              { value: "array", label: "always C arrays" },
              { value: "incbin", label: "always a binary file" },
            ]}
          />
          <NativeSelect
            label="C compiler"
            value={options.compiler}
            onChange={(event) => set("compiler", event.currentTarget.value as CompileOptions["compiler"])}
            data={[
              { value: "auto", label: "the target's best" },
              { value: "gcc", label: "gcc" },
              { value: "clang", label: "clang" },
            ]}
          />
          <BudgetFields budget={options.budget} onChange={(budget) => set("budget", budget)} />
          <Switch
            label="Run and validate on the emulator"
            checked={options.run}
            onChange={(event) => set("run", event.currentTarget.checked)}
          />
          <Switch label="Append a softmax" checked={options.softmax} onChange={(event) => set("softmax", event.currentTarget.checked)} />
        </div>
      </details>
    </>
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

function targetChoices(catalog: Catalog | undefined, chosen: string) {
  const targets = catalog?.targets.map(({ name, title, description, emulator }) => ({
    name,
    title,
    description: [name, description, emulator && `emulated by ${emulator}`].filter(Boolean).join(" · "),
  }))
  return choices(targets, chosen)
}

function nameProblem(name: string): string | null {
  return /^[a-z][a-z0-9_]{0,30}$/.test(name) ? null : "A lower-case C identifier: letters, digits and underscores"
}
