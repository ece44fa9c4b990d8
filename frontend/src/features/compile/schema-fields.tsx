import { NativeSelect, Switch, TextInput } from "@mantine/core"
import { useState } from "react"
import { type Field, numberProblem } from "@/lib/schema"

type Values = Record<string, unknown>

interface Props {
  fields: readonly Field[]
  values: Values
  onChange: (key: string, value: string | number | boolean) => void
}

/** One control for each option that the compiler describes. */
export function SchemaFields({ fields, values, onChange }: Props) {
  return fields.map((field) => {
    const value = values[field.key] ?? field.fallback
    if (field.kind === "switch") {
      return (
        <Switch
          key={field.key}
          label={field.title}
          description={field.description}
          checked={value === true}
          onChange={(event) => onChange(field.key, event.currentTarget.checked)}
        />
      )
    }
    if (field.kind === "choice") {
      return (
        <NativeSelect
          key={field.key}
          label={field.title}
          description={field.description}
          value={typeof value === "string" ? value : field.fallback}
          onChange={(event) => onChange(field.key, event.currentTarget.value)}
          data={field.values}
        />
      )
    }
    return <NumberField key={field.key} field={field} value={Number(value)} onChange={(number) => onChange(field.key, number)} />
  })
}

interface NumberProps {
  field: Extract<Field, { kind: "number" }>
  value: number
  onChange: (value: number) => void
}

/** Text while it is typed; a number only once it is one. */
function NumberField({ field, value, onChange }: NumberProps) {
  const [text, setText] = useState(String(value))
  const problem = numberProblem(text, field)
  return (
    <TextInput
      label={field.title}
      description={field.description}
      inputMode="numeric"
      value={text}
      error={problem}
      onChange={(event) => {
        const typed = event.currentTarget.value
        setText(typed)
        onChange(numberProblem(typed, field) === null ? Number(typed) : field.fallback)
      }}
      autoComplete="off"
    />
  )
}
