/** The fit matrix: which boards have room, and how much is left. */
import type { BoardFit } from "@/api/types"

/** What the compiled model needs, in bytes; null where it was not linked. */
export interface Need {
  flash: number | null
  ram: number | null
}

/** The share of a board's memory that stays free, below zero what is missing; null when it is not known. */
export function freeShare(free: number | null, need: number | null): number | null {
  if (free === null || need === null) return null
  const all = free + need
  return all > 0 ? free / all : null
}

/** What stays free of the scarcer of flash and RAM, in bytes; below zero what is missing; null when neither is known. */
export function headroom({ flash_free, ram_free }: Pick<BoardFit, "flash_free" | "ram_free">): number | null {
  const known = [flash_free, ram_free].filter((free) => free !== null)
  return known.length > 0 ? Math.min(...known) : null
}

export const FIT_CHOICES = ["yes", "no", "unknown"] as const
export type FitChoice = (typeof FIT_CHOICES)[number]

export function fitOf({ fits }: BoardFit): FitChoice {
  return fits === null ? "unknown" : fits ? "yes" : "no"
}

export interface FitFilter {
  text: string
  vendor: string
  fit: FitChoice | ""
  verified: boolean
}

export const NO_FILTER: FitFilter = { text: "", vendor: "", fit: "", verified: false }

type Described = Pick<BoardFit, "name" | "title" | "vendor" | "verified">

/** Whether a board is wanted by name, vendor and source; what fits is asked where it is known for what. */
export function isWanted({ name, title, vendor, verified }: Described, filter: FitFilter): boolean {
  const about = `${name} ${title} ${vendor}`.toLowerCase()
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean)
  return words.every((word) => about.includes(word)) && (!filter.vendor || vendor === filter.vendor) && (!filter.verified || verified)
}

export function vendorsOf(boards: readonly { vendor: string }[]): string[] {
  return [...new Set(boards.map(({ vendor }) => vendor).filter(Boolean))].sort((a, b) => a.localeCompare(b))
}
