/** Which rows of a long list are drawn: all have the same height, so that arithmetic is enough. */

export interface Range {
  first: number
  /** One past the last. */
  end: number
}

const SPARE_ROWS = 12

/** The rows in sight, and some more on either side, so that scrolling does not show gaps. */
export function rowsInSight(scrollTop: number, height: number, rowHeight: number, count: number): Range {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - SPARE_ROWS)
  const end = Math.min(count, Math.ceil((scrollTop + height) / rowHeight) + SPARE_ROWS)
  return { first: Math.min(first, count), end: Math.max(end, 0) }
}

/** Where to scroll so that a row is in sight: nowhere when it is, else to the middle. */
export function scrollToRow(row: number, scrollTop: number, height: number, rowHeight: number): number {
  const top = row * rowHeight
  if (top >= scrollTop && top + rowHeight <= scrollTop + height) return scrollTop
  return Math.max(0, top - height / 2 + rowHeight / 2)
}

/** The row that a key moves to; null for a key that moves nowhere. */
export function rowAfterKey(key: string, row: number, count: number, page: number): number | null {
  const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -count, End: count }
  const step = steps[key]
  return step === undefined || count === 0 ? null : Math.max(0, Math.min(count - 1, row + step))
}
