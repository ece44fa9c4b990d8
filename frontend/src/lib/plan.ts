/** What one click asks for: several targets and languages that share all other options. */
import type { CompileOptions, Emitter } from "@/api/types"
import { chosen, cliText, curlText, DEFAULT_OPTIONS, flagWords, outputFolder, shellQuote } from "./options"

export interface Plan extends Omit<CompileOptions, "target" | "emit"> {
  target: string[]
  emit: Emitter[]
}

export const DEFAULT_PLAN: Plan = { ...DEFAULT_OPTIONS, target: [DEFAULT_OPTIONS.target], emit: [DEFAULT_OPTIONS.emit] }

/** One compilation for each target in each language. */
export function countOf(plan: Plan): number {
  return plan.target.length * plan.emit.length
}

/** What is sent: lists only where there is more than one value. */
export function requestOf(plan: Plan): Record<string, unknown> {
  const asked: Record<string, unknown> = chosen(firstOf(plan))
  if (plan.target.length > 1) asked.target = plan.target
  if (plan.emit.length > 1) asked.emit = plan.emit
  return asked
}

/** The compilation that is shown where there is room for one only. */
export function firstOf(plan: Plan): CompileOptions {
  return { ...plan, target: plan.target[0] ?? DEFAULT_OPTIONS.target, emit: plan.emit[0] ?? DEFAULT_OPTIONS.emit }
}

/** One command, or a loop over the lists; each compilation gets a folder of its own. */
export function planCli(model: string, plan: Plan): string {
  const first = firstOf(plan)
  const several = (["target", "emit"] as const).filter((key) => plan[key].length > 1)
  if (several.length === 0) return cliText(model, first)
  const isSeveral = (key: string) => several.some((one) => one === key)
  const flags = (Object.keys(DEFAULT_OPTIONS) as (keyof CompileOptions)[])
    .filter((key) => isSeveral(key) || key in chosen(first))
    .flatMap((key) => (isSeveral(key) ? [`--${key}`, `"$${key}"`] : flagWords(key, first).map(shellQuote)))
  const folder = `${outputFolder(model)}/${several.map((key) => `$${key}`).join("-")}`
  const command = ["deepmetal compile", shellQuote(model), ...flags, `-o "${folder}"`].join(" ")
  const loops = several.map((key) => `for ${key} in ${plan[key].map(shellQuote).join(" ")}; do`)
  return `${loops.join(" ")}\n  ${command}\n${several.map(() => "done").join("; ")}`
}

export function planCurl(model: string, plan: Plan, origin: string): string {
  return curlText(model, requestOf(plan), origin)
}
