/** What one click asks for: several targets, languages and precisions that share all other options. */
import type { CompileOptions, Emitter, Precision } from "@/api/types"
import type { FileNames } from "./beside"
import { chosen, cliText, curlText, DEFAULT_OPTIONS, fileWords, flagWords, outputFolder, shellQuote } from "./options"

export interface Plan extends Omit<CompileOptions, "target" | "emit" | "precision"> {
  target: string[]
  emit: Emitter[]
  precision: Precision[]
}

/** Options of which one request may have several values. */
const LISTS = ["target", "emit", "precision"] as const

export const DEFAULT_PLAN: Plan = {
  ...DEFAULT_OPTIONS,
  target: [DEFAULT_OPTIONS.target],
  emit: [DEFAULT_OPTIONS.emit],
  precision: [DEFAULT_OPTIONS.precision],
}

/** One compilation for each target in each language and precision. */
export function countOf(plan: Plan): number {
  return LISTS.reduce((count, key) => count * plan[key].length, 1)
}

/** What is sent: lists only where there is more than one value. */
export function requestOf(plan: Plan): Record<string, unknown> {
  const asked: Record<string, unknown> = chosen(firstOf(plan))
  for (const key of LISTS) if (plan[key].length > 1) asked[key] = plan[key]
  return asked
}

/** The compilation that is shown where there is room for one only. */
export function firstOf(plan: Plan): CompileOptions {
  return {
    ...plan,
    target: plan.target[0] ?? DEFAULT_OPTIONS.target,
    emit: plan.emit[0] ?? DEFAULT_OPTIONS.emit,
    precision: plan.precision[0] ?? DEFAULT_OPTIONS.precision,
  }
}

/** One command, or a loop over the lists; each compilation gets a folder of its own. */
export function planCli(model: string, plan: Plan, files: FileNames = {}): string {
  const first = firstOf(plan)
  const several = LISTS.filter((key) => plan[key].length > 1)
  if (several.length === 0) return cliText(model, first, files)
  const isSeveral = (key: string) => several.some((one) => one === key)
  const flags = (Object.keys(DEFAULT_OPTIONS) as (keyof CompileOptions)[])
    .filter((key) => isSeveral(key) || key in chosen(first))
    .flatMap((key) => (isSeveral(key) ? [`--${key}`, `"$${key}"`] : flagWords(key, first).map(shellQuote)))
  const folder = `${outputFolder(model)}/${several.map((key) => `$${key}`).join("-")}`
  const command = ["deepmetal compile", shellQuote(model), ...flags, ...fileWords(files).map(shellQuote), `-o "${folder}"`].join(" ")
  const loops = several.map((key) => `for ${key} in ${plan[key].map(shellQuote).join(" ")}; do`)
  return `${loops.join(" ")}\n  ${command}\n${several.map(() => "done").join("; ")}`
}

/** The options that decide what a model becomes on a processor, and what it needs there. */
export function decidingOf({ shape, architecture, optimize, io_layout, io }: Plan): Record<string, unknown> {
  return { shape, architecture, optimize, io_layout, io }
}

export function planCurl(model: string, plan: Plan, origin: string, files: FileNames = {}): string {
  return curlText(model, requestOf(plan), origin, files)
}
