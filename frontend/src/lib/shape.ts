/** Shapes as a person types them. */

/** "1, 3, 32, 32" or "1x3x32x32" → [1, 3, 32, 32]; null when it is no shape. */
export function parseShape(text: string): number[] | null {
  const words = text.trim().split(/[\s,x×]+/i).filter(Boolean)
  if (words.length === 0) return null
  const dimensions = words.map(Number)
  const legal = dimensions.every((d) => Number.isInteger(d) && d > 0 && d < 2 ** 31)
  return legal ? dimensions : null
}

/** What is wrong with the text for an input whose known dimensions are `open`, or null. */
export function shapeProblem(text: string, open: readonly (number | null)[]): string | null {
  const dimensions = parseShape(text)
  if (!dimensions) return "Give whole positive numbers, such as 1, 3, 32, 32"
  if (open.length > 0 && dimensions.length !== open.length) return `This input has ${open.length} dimensions, not ${dimensions.length}`
  const clash = open.findIndex((known, axis) => known !== null && known !== dimensions[axis])
  return clash < 0 ? null : `Dimension ${clash + 1} is ${open[clash]} in the model`
}

/** A proposal as text to edit; what cannot be proposed stays "?". */
export function proposalText(proposal: readonly (number | null)[]): string {
  return proposal.map((d) => d ?? "?").join(", ")
}
