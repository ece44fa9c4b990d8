/** What a precision would cost, as a worker planned it. */
import type { Inspection } from "@/api/types"
import { bytes } from "./format"

export interface Costs {
  weights: number
  arena: number
}

/** Of the first kind of processor; null while it is not planned. */
export function costsOf(inspection: Pick<Inspection, "support"> | undefined): Costs | null {
  const first = inspection?.support[0]
  return first ? { weights: first.weights, arena: first.arena } : null
}

/** 76 KiB, 3.9× less. */
export function sizeText(value: number, float?: number): string {
  return [bytes(value), float === undefined ? "" : factor(value, float)].filter(Boolean).join(", ")
}

function factor(value: number, float: number): string {
  if (value <= 0 || float <= 0 || value === float) return ""
  return value < float ? `${(float / value).toFixed(1)}× less` : `${(value / float).toFixed(1)}× more`
}
