/** What is known of a model's needs before it is compiled: weights and arena. Code and stack come on top. */
import type { Board, Estimate } from "@/api/types"

/** "no" is certain: even without code it is too much. "likely" is not: the code is still to come. */
export type Likely = "likely" | "no" | "unknown"

interface Room {
  flash: number | null | undefined
  ram: number | null | undefined
}

export function likely({ weights, arena }: Estimate, { flash, ram }: Room): Likely {
  if ((flash != null && weights > flash) || (ram != null && arena > ram)) return "no"
  return flash == null || ram == null ? "unknown" : "likely"
}

export interface Tally {
  likely: number
  no: number
  unknown: number
}

/** The arena needs one piece of RAM without a gap. */
export function likelyOn(estimate: Estimate, { flash, ram_largest: ram }: Pick<Board, "flash" | "ram_largest">): Likely {
  return likely(estimate, { flash, ram })
}

/** How many boards of a target have room, as far as is known. */
export function tally(estimate: Estimate, boards: readonly Pick<Board, "flash" | "ram_largest">[]): Tally {
  const counts: Tally = { likely: 0, no: 0, unknown: 0 }
  for (const board of boards) counts[likelyOn(estimate, board)] += 1
  return counts
}
