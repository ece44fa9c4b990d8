/** Comparing compilations with each other: which is best in what, and by how much. */

/** The smallest of the values that are there; null when there is nothing to compare, or no difference. */
export function best(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value): value is number => value != null)
  if (known.length < 2) return null
  const least = Math.min(...known)
  return known.every((value) => value === least) ? null : least
}

/** 1.25 → "+25 %"; above tenfold "×12"; nothing for the best one itself. */
export function above(value: number, least: number): string {
  if (value <= least || least <= 0) return ""
  const ratio = value / least
  if (ratio >= 10) return `×${Math.round(ratio)}`
  const more = (ratio - 1) * 100
  return more < 0.1 ? "" : `+${more < 9.95 ? more.toFixed(1).replace(/\.0$/, "") : Math.round(more)} %`
}
