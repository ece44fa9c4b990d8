/** Compilations of one model that differ in their precision alone. */
import type { Compilation, Report } from "@/api/types"

export interface Member {
  job: Compilation
  report: Report
}

/** float32 first: what the others are measured by. */
export interface Pair {
  target: string
  emit: string
  members: Member[]
}

const ORDER = ["float32", "int8-weights", "int8"]

/** For each target and language with more than one precision, its compilations. */
export function besides(all: readonly Member[]): Pair[] {
  const found = new Map<string, Pair>()
  for (const member of all) {
    const { target, emit } = member.job
    const key = `${target} ${emit}`
    const pair = found.get(key) ?? { target, emit, members: [] }
    pair.members.push(member)
    found.set(key, pair)
  }
  const pairs = [...found.values()].filter(({ members }) => new Set(members.map(({ job }) => job.precision)).size > 1)
  for (const { members } of pairs) members.sort((a, b) => place(a) - place(b))
  return pairs
}

function place({ job }: Member): number {
  const index = ORDER.indexOf(job.precision)
  return index < 0 ? ORDER.length : index
}
