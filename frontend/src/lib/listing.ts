/** Source and machine code side by side: the rows of both, and which belong together. */

export interface Instruction {
  offset: number
  text: string
  line: number | null
  executed: number | null
  cycles: number | null
}

export interface ListedFunction {
  name: string
  /** Indices of the layers that run it; none for the function that runs them all. */
  layers: number[]
  source: { file: string; first: number; last: number } | null
  /** How many instructions at the end of a long function are not listed. */
  left_out: number
  instructions: Instruction[]
}

/** `listing.json` of an artifact. */
export interface Listing {
  disassembler: string
  /** Whether instructions know their source lines. */
  lines: boolean
  functions: ListedFunction[]
}

/** A place in the source: which of the listed functions, and which line of its file. */
export interface Place {
  at: number
  line: number
}

export type AsmRow =
  | { kind: "head"; at: number }
  | { kind: "code"; at: number; instruction: Instruction }
  | { kind: "rest"; at: number; count: number }

export type SourceRow =
  | { kind: "head"; at: number }
  | { kind: "line"; at: number; line: number; text: string; instructions: number; executed: number | null; cycles: number | null }

/** The machine code of the chosen functions, one row for each instruction. */
export function asmRows(functions: readonly ListedFunction[], chosen: readonly number[]): AsmRow[] {
  const rows: AsmRow[] = []
  for (const at of chosen) {
    const { instructions, left_out: count } = functions[at]!
    rows.push({ kind: "head", at })
    for (const instruction of instructions) rows.push({ kind: "code", at, instruction })
    if (count > 0) rows.push({ kind: "rest", at, count })
  }
  return rows
}

/** The source of the chosen functions, each line with what its instructions cost together. */
export function sourceRows(functions: readonly ListedFunction[], chosen: readonly number[], files: ReadonlyMap<string, readonly string[]>): SourceRow[] {
  const rows: SourceRow[] = []
  for (const at of chosen) {
    const { source, instructions } = functions[at]!
    const lines = source && files.get(source.file)
    if (!source || !lines) continue
    const costs = costByLine(instructions)
    rows.push({ kind: "head", at })
    for (let line = source.first; line <= Math.min(source.last, lines.length); line += 1) {
      const cost = costs.get(line)
      rows.push({ kind: "line", at, line, text: lines[line - 1]!, instructions: cost?.instructions ?? 0, executed: cost?.executed ?? null, cycles: cost?.cycles ?? null })
    }
  }
  return rows
}

interface Cost {
  instructions: number
  executed: number | null
  cycles: number | null
}

function costByLine(instructions: readonly Instruction[]): Map<number, Cost> {
  const costs = new Map<number, Cost>()
  for (const { line, executed, cycles } of instructions) {
    if (line === null) continue
    const cost = costs.get(line) ?? { instructions: 0, executed: null, cycles: null }
    costs.set(line, { instructions: cost.instructions + 1, executed: plus(cost.executed, executed), cycles: plus(cost.cycles, cycles) })
  }
  return costs
}

function plus(a: number | null, b: number | null): number | null {
  return b === null ? a : (a ?? 0) + b
}

export interface FunctionCost {
  executed: number | null
  cycles: number | null
}

/** What the listed instructions of a function cost together. */
export function costOf({ instructions }: ListedFunction): FunctionCost {
  return {
    executed: instructions.reduce((sum: number | null, { executed }) => plus(sum, executed), null),
    cycles: instructions.reduce((sum: number | null, { cycles }) => plus(sum, cycles), null),
  }
}

/** Lines that have instructions, in order, numbered: the number decides the colour. */
export function lineColours(fn: ListedFunction, colours: number): Map<number, number> {
  const lines = [...new Set(fn.instructions.map(({ line }) => line).filter((line) => line !== null))].sort((a, b) => a - b)
  return new Map(lines.map((line, index) => [line, index % colours]))
}

export function placeOf(row: AsmRow | SourceRow | undefined): Place | null {
  if (row?.kind === "line") return { at: row.at, line: row.line }
  if (row?.kind === "code" && row.instruction.line !== null) return { at: row.at, line: row.instruction.line }
  return null
}

export function samePlace(a: Place | null, b: Place | null): boolean {
  return a !== null && b !== null && a.at === b.at && a.line === b.line
}

/** The first row that stands for a place; -1 when there is none. */
export function findPlace(rows: readonly (AsmRow | SourceRow)[], place: Place): number {
  return rows.findIndex((row) => samePlace(placeOf(row), place))
}

/** "vldr s0, [r1]" → ["vldr", "s0, [r1]"]. */
export function mnemonic(text: string): [string, string] {
  const space = text.indexOf(" ")
  return space < 0 ? [text, ""] : [text.slice(0, space), text.slice(space + 1)]
}
