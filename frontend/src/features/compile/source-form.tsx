import { Button, TextInput } from "@mantine/core"
import { useRef, useState } from "react"
import classes from "./architecture.module.css"
import { bytes } from "@/lib/format"
import { SOURCE_FILE } from "@/lib/options"
import type { Plan } from "@/lib/plan"
import { parseShape } from "@/lib/shape"

const MOST_BYTES = 256 * 1024 // as the option

/** The source of the class that the weights belong to, its name, and the shape of its input. */
export function SourceForm({ plan, onPlan }: { plan: Plan; onPlan: (plan: Plan) => void }) {
  const input = useRef<HTMLInputElement>(null)
  const [file, setFile] = useState<{ name: string; size: number } | null>(null)
  const [shape, setShape] = useState("")
  const [args, setArgs] = useState("")
  const large = file !== null && file.size > MOST_BYTES
  return (
    <div className={classes.source}>
      <p className="muted">
        The source runs once, on the worker, in the sandbox: without network, without other files, with limits on time and memory. It is
        needed to build the module that the weights belong to. A list of layers runs nothing.
      </p>
      <div className={classes.sourceFile}>
        <Button variant="default" size="compact-sm" onClick={() => input.current?.click()}>
          Choose {SOURCE_FILE}
        </Button>
        <span role="status" className={large ? classes.bad : "muted"}>
          {file ? `${file.name}, ${bytes(file.size)}${large ? ": too large for a source file" : ""}` : "no file yet"}
        </span>
        <input
          ref={input}
          type="file"
          className="visually-hidden"
          tabIndex={-1}
          aria-label="Python source"
          accept=".py"
          onChange={(event) => {
            const chosen = event.target.files?.[0]
            event.target.value = ""
            if (!chosen) return
            setFile(chosen)
            if (chosen.size > MOST_BYTES) onPlan({ ...plan, source: null })
            else void chosen.text().then((source) => onPlan({ ...plan, source }))
          }}
        />
      </div>
      <div className={classes.form}>
        <TextInput
          label="Class"
          description="The torch.nn.Module in the source"
          placeholder="Net"
          value={plan.class_name ?? ""}
          error={plan.class_name && !/^[A-Za-z_]\w*$/.test(plan.class_name) ? "The name of a Python class" : null}
          onChange={(event) => onPlan({ ...plan, class_name: event.currentTarget.value.trim() || null })}
          autoComplete="off"
          spellCheck={false}
        />
        <TextInput
          label="Arguments of its constructor"
          description='JSON: {"width": 32}, or a list'
          value={args}
          error={argsOf(args) === undefined ? "A JSON object or list" : null}
          onChange={(event) => {
            setArgs(event.currentTarget.value)
            onPlan({ ...plan, class_args: argsOf(event.currentTarget.value) ?? null })
          }}
          autoComplete="off"
          spellCheck={false}
        />
        <TextInput
          label="Shape of the input, batch first"
          description="As the class expects it"
          placeholder="1, 3, 32, 32"
          value={shape}
          error={shape && parseShape(shape) === null ? "Whole positive numbers, such as 1, 3, 32, 32" : null}
          onChange={(event) => {
            setShape(event.currentTarget.value)
            const dimensions = parseShape(event.currentTarget.value)
            onPlan({ ...plan, shape: dimensions ? { "": dimensions } : {} })
          }}
          autoComplete="off"
          spellCheck={false}
        />
      </div>
    </div>
  )
}

/** Undefined: not understood; null: nothing given. */
function argsOf(text: string): Plan["class_args"] | undefined {
  if (text.trim() === "") return null
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null ? (value as Plan["class_args"]) : undefined
  } catch {
    return undefined
  }
}
