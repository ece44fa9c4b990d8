/** Fields of a form, read from the JSON schema of the options: a new option of the compiler needs no new code here. */

export type Field = { key: string; title: string; description: string } & (
  | { kind: "choice"; values: string[]; fallback: string }
  | { kind: "switch"; fallback: boolean }
  | { kind: "number"; least: number; most: number; fallback: number }
)

interface Property {
  type?: string
  enum?: unknown[]
  default?: unknown
  description?: string
  minimum?: number
  maximum?: number
}

/** What a form can ask for by itself: choices, switches and whole numbers; what is more than that is left out. */
export function fieldsOf(schema: unknown, leaveOut: readonly string[]): Field[] {
  const properties = (schema as { properties?: Record<string, Property> } | undefined)?.properties ?? {}
  return Object.entries(properties).flatMap(([key, property]) => (leaveOut.includes(key) ? [] : (fieldOf(key, property) ?? [])))
}

function fieldOf(key: string, property: Property): Field | null {
  const about = { key, title: titleOf(key), description: property.description ?? "" }
  if (property.enum?.every((value) => typeof value === "string") && typeof property.default === "string") {
    return { ...about, kind: "choice", values: property.enum, fallback: property.default }
  }
  if (property.type === "boolean") return { ...about, kind: "switch", fallback: property.default === true }
  if (property.type === "integer" && typeof property.default === "number") {
    const { minimum: least = 0, maximum: most = Number.MAX_SAFE_INTEGER } = property
    return { ...about, kind: "number", least, most, fallback: property.default }
  }
  return null
}

const TITLES: Record<string, string> = {
  io_layout: "Inputs and outputs",
  arena: "Working memory",
  compiler: "C compiler",
  opt_level: "Optimisation level",
  vectors: "Validation vectors",
  softmax: "Append a softmax",
  run: "Run and validate on the emulator",
  debug: "Debug build",
}

/** The name of an option in words: "io_layout" → "Io layout", unless there are better ones. */
export function titleOf(key: string): string {
  const words = key.replaceAll("_", " ")
  return TITLES[key] ?? words.charAt(0).toUpperCase() + words.slice(1)
}

/** What is wrong with a number that was typed, or null. */
export function numberProblem(text: string, { least, most }: { least: number; most: number }): string | null {
  const value = Number(text)
  return text.trim() !== "" && Number.isInteger(value) && value >= least && value <= most ? null : `A whole number from ${least} to ${most}`
}
