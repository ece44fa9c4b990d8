import { TextInput } from "@mantine/core"
import { useState } from "react"
import classes from "./new-compile.module.css"
import type { CompileOptions } from "@/api/types"

type Budget = CompileOptions["budget"]
type Limit = "flash" | "ram" | "latency"

const FIELDS: { key: Limit; label: string; unit: number }[] = [
  { key: "flash", label: "Flash, KiB", unit: 1024 },
  { key: "ram", label: "RAM, KiB", unit: 1024 },
  { key: "latency", label: "Latency, ms", unit: 1 },
]

/** Upper bounds; past one of them the compilation fails. Empty means none. */
export function BudgetFields({ budget, onChange }: { budget: Budget; onChange: (budget: Budget) => void }) {
  const [texts, setTexts] = useState<Partial<Record<Limit, string>>>(() =>
    Object.fromEntries(FIELDS.flatMap(({ key, unit }) => (budget[key] ? [[key, String(budget[key] / unit)]] : []))),
  )
  const change = (key: Limit, unit: number, text: string) => {
    setTexts({ ...texts, [key]: text })
    const { [key]: _, ...rest } = budget
    onChange(limit(text) === null ? rest : { ...rest, [key]: limit(text)! * unit })
  }
  return (
    <fieldset className={classes.budget}>
      <legend>Budget</legend>
      {FIELDS.map(({ key, label, unit }) => (
        <TextInput
          key={key}
          label={label}
          inputMode="decimal"
          placeholder="no limit"
          value={texts[key] ?? ""}
          error={texts[key] && limit(texts[key]) === null ? "A positive number" : null}
          onChange={(event) => change(key, unit, event.currentTarget.value)}
          autoComplete="off"
        />
      ))}
    </fieldset>
  )
}

function limit(text: string): number | null {
  const value = Number(text)
  return text.trim() !== "" && Number.isFinite(value) && value > 0 ? value : null
}
