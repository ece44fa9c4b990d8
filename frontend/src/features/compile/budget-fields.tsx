import { TextInput } from "@mantine/core"
import { useState } from "react"
import classes from "./new-compile.module.css"
import type { Board, CompileOptions } from "@/api/types"

type Budget = CompileOptions["budget"]
type Limit = "flash" | "ram" | "latency"

const FIELDS: { key: Limit; label: string; unit: number }[] = [
  { key: "flash", label: "Flash, KiB", unit: 1024 },
  { key: "ram", label: "RAM, KiB", unit: 1024 },
  { key: "latency", label: "Latency, ms", unit: 1 },
]

interface Props {
  budget: Budget
  /** What a board allows: the limits where nothing is given. */
  board: Pick<Board, "flash" | "ram"> | undefined
  onChange: (budget: Budget) => void
}

/** Upper bounds; past one of them the compilation fails. Empty means those of the board, or none. */
export function BudgetFields({ budget, board, onChange }: Props) {
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
          placeholder={key !== "latency" && board?.[key] != null ? `${board[key] / unit}, the board's` : "no limit"}
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
