/** What is known of a model's needs before it is compiled: weights and arena. Code and stack come on top. */
import type { Board, Inspection } from "@/api/types"

export interface Needs {
  /** Bytes of flash. */
  weights: number
  /** Bytes of RAM; null when the memory was not planned. */
  arena: number | null
}

const BYTES_OF_A_PARAMETER = 4

/** What the inspection planned; without a plan at least what the parameters take as float32. */
export function needsOf({ estimate, parameters, unsupported }: Pick<Inspection, "estimate" | "parameters" | "unsupported">): Needs | null {
  if (estimate) return estimate
  return unsupported.length > 0 || parameters === 0 ? null : { weights: parameters * BYTES_OF_A_PARAMETER, arena: null }
}

/** "no" is certain: even without code it is too much. "likely" is not: the code is still to come. */
export type Likely = "likely" | "no" | "unknown"

interface Room {
  flash: number | null | undefined
  ram: number | null | undefined
}

export function likely({ weights, arena }: Needs, { flash, ram }: Room): Likely {
  if ((flash != null && weights > flash) || (ram != null && arena !== null && arena > ram)) return "no"
  return flash == null || ram == null ? "unknown" : "likely"
}

export interface Tally {
  likely: number
  no: number
  unknown: number
}

/** The arena needs one piece of RAM without a gap. */
export function likelyOn(needs: Needs, { flash, ram_largest: ram }: Pick<Board, "flash" | "ram_largest">): Likely {
  return likely(needs, { flash, ram })
}

/** How many boards of a target have room, as far as is known. */
export function tally(needs: Needs, boards: readonly Pick<Board, "flash" | "ram_largest">[]): Tally {
  const counts: Tally = { likely: 0, no: 0, unknown: 0 }
  for (const board of boards) counts[likelyOn(needs, board)] += 1
  return counts
}
