import { Button, TextInput } from "@mantine/core"
import { useState } from "react"
import classes from "./architecture.module.css"
import type { ListedLayer } from "@/api/types"
import { argsText, parseArgs, parseFrom } from "@/lib/architecture"

interface Props {
  layer: ListedLayer
  /** The id of the list of known types. */
  types: string
  onChange: (layer: ListedLayer) => void
}

/** One layer: what it is, its arguments, its name, and what it reads. */
export function LayerForm({ layer, types, onChange }: Props) {
  const [args, setArgs] = useState(() => argsText(layer.args))
  const [from, setFrom] = useState(() => layer.from?.join(", ") ?? "")
  return (
    <div className={classes.form}>
      {layer.choices.length > 0 && (
        <p className={classes.choices}>
          <span className="muted">Usually here:</span>
          {layer.choices.map((name) => (
            <Button key={name} variant="default" size="compact-sm" aria-pressed={layer.type === name} onClick={() => onChange({ ...layer, type: name })}>
              {name}
            </Button>
          ))}
        </p>
      )}
      <TextInput
        label="Type"
        description="A layer of torch.nn, or a step such as Add"
        list={types}
        value={layer.type ?? ""}
        onChange={(event) => onChange({ ...layer, type: event.currentTarget.value.trim() || null })}
        autoComplete="off"
        spellCheck={false}
      />
      <TextInput
        label="Arguments"
        description="Without sizes that the tensors tell"
        placeholder="stride=2, padding=1"
        value={args}
        error={parseArgs(args) === null ? "Write name=value, separated by commas" : null}
        onChange={(event) => {
          setArgs(event.currentTarget.value)
          const parsed = parseArgs(event.currentTarget.value)
          if (parsed) onChange({ ...layer, args: parsed })
        }}
        autoComplete="off"
        spellCheck={false}
      />
      <TextInput
        label="Name"
        description="What the names of its tensors begin with"
        value={layer.name}
        onChange={(event) => onChange({ ...layer, name: event.currentTarget.value.trim() })}
        autoComplete="off"
        spellCheck={false}
      />
      <TextInput
        label="Reads"
        description="Names of layers; empty: the one before"
        value={from}
        onChange={(event) => {
          setFrom(event.currentTarget.value)
          onChange({ ...layer, from: parseFrom(event.currentTarget.value) })
        }}
        autoComplete="off"
        spellCheck={false}
      />
    </div>
  )
}
