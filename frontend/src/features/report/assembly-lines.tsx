import classes from "./assembly.module.css"
import { compact, integer } from "@/lib/format"
import { type FunctionCost, type Instruction, mnemonic, type SourceRow } from "@/lib/listing"

/** Where a function begins, and what it costs. */
export function FunctionHead({ title, cost }: { title: string; cost?: FunctionCost }) {
  return (
    <span className={classes.head}>
      {title}
      {cost?.executed != null && <span className={classes.headCost}> {compact(cost.executed)} executed</span>}
      {cost?.cycles != null && <span className={classes.headCost}> {compact(cost.cycles)} cycles</span>}
    </span>
  )
}

export function SourceLine({ row }: { row: Extract<SourceRow, { kind: "line" }> }) {
  const cost = row.cycles ?? row.executed
  return (
    <>
      <span className={classes.number}>{row.line}</span>
      <span className={classes.lineCost} title={costTitle(row.executed, row.cycles)}>
        {cost === null ? "" : compact(cost)}
      </span>
      <code>{row.text || " "}</code>
    </>
  )
}

interface AsmProps {
  instruction: Instruction
  /** The most executions of an instruction of this function; null where none were counted. */
  hottest: number | null
  timed: boolean
}

export function AsmLine({ instruction, hottest, timed }: AsmProps) {
  const [name, operands] = mnemonic(instruction.text)
  const { executed, cycles } = instruction
  const heat = executed === null || hottest === null ? 0 : Math.round((executed / hottest) * 100)
  return (
    <>
      <span className={classes.number}>{instruction.offset.toString(16)}</span>
      {hottest !== null && (
        <span className={classes.count} title={costTitle(executed, cycles)} style={{ "--heat": `${heat}%` }}>
          {executed === null ? "" : compact(executed)}
        </span>
      )}
      {timed && <span className={classes.cycles}>{cycles === null ? "" : compact(cycles)}</span>}
      <code>
        <b className={classes.mnemonic}>{name}</b> {operands}
      </code>
    </>
  )
}

function costTitle(executed: number | null, cycles: number | null): string | undefined {
  const parts = [executed !== null && `${integer(executed)} executed`, cycles !== null && `${integer(cycles)} cycles`].filter(Boolean)
  return parts.length > 0 ? parts.join(", ") : undefined
}
