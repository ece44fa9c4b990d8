/**
 * Where the nodes of a network are drawn: layers from top to bottom, in the order of the data.
 *
 * A network is thousands of layers in a row as often as it is wide; recursion would overflow and anything quadratic
 * would be felt, so ranks are longest paths and places are found by a fixed number of sweeps.
 */

export interface Box {
  width: number
  height: number
}

export interface Point {
  x: number
  y: number
}

export interface Layout {
  /** Centres, by node. */
  places: Point[]
  /** Points that an edge passes between its ends, by edge. */
  bends: Point[][]
  width: number
  height: number
}

/** From node to node, by index. Nodes are in topological order: an edge leads from a smaller to a larger index. */
export type Edge = readonly [from: number, to: number]

const GAP_X = 28
const GAP_Y = 44
const LANE = 26 // the width that a passing edge takes
const SWEEPS = 6
const MOST_LANES = 60_000 // beyond that, long edges are straight lines behind the nodes

interface Slot {
  rank: number
  width: number
  x: number
  up: number[]
  down: number[]
}

export function layout(boxes: readonly Box[], edges: readonly Edge[]): Layout {
  const rank = ranks(boxes.length, edges)
  const slots: Slot[] = boxes.map(({ width }, node) => ({ rank: rank[node]!, width, x: 0, up: [], down: [] }))
  const lanes = edges.reduce((sum, [from, to]) => sum + rank[to]! - rank[from]! - 1, 0) <= MOST_LANES
  const passed = edges.map(([from, to]) => thread(slots, from, to, lanes))
  const rows = byRank(slots)
  order(rows, slots)
  place(rows, slots)
  const tops = rowTops(rows, boxes)
  const left = slots.reduce((least, { x, width }) => Math.min(least, x - width / 2), slots.length > 0 ? Infinity : 0)
  const at = (slot: number): Point => ({ x: slots[slot]!.x - left, y: tops[slots[slot]!.rank]!.middle })
  return {
    places: boxes.map((_, node) => at(node)),
    bends: passed.map((slots) => slots.map(at)),
    width: slots.reduce((most, { x, width }) => Math.max(most, x + width / 2 - left), 0),
    height: tops.at(-1)?.bottom ?? 0,
  }
}

/** The longest way from any start; what waits for nothing comes just before its first reader. */
function ranks(count: number, edges: readonly Edge[]): number[] {
  const rank = new Array<number>(count).fill(0)
  const first = new Array<number>(count).fill(Infinity)
  const hasSource = new Set(edges.map(([, to]) => to))
  const sorted = [...edges].sort((a, b) => a[0] - b[0])
  for (const [from, to] of sorted) rank[to] = Math.max(rank[to]!, rank[from]! + 1)
  for (const [from, to] of edges) first[from] = Math.min(first[from]!, rank[to]!)
  return rank.map((own, node) => (hasSource.has(node) || first[node] === Infinity ? own : first[node]! - 1))
}

/** Connect two nodes; a long edge gets a slot in each rank that it passes. Returns those slots. */
function thread(slots: Slot[], from: number, to: number, lanes: boolean): number[] {
  const passed: number[] = []
  let above = from
  if (lanes) {
    for (let rank = slots[from]!.rank + 1; rank < slots[to]!.rank; rank += 1) {
      const lane = slots.push({ rank, width: LANE, x: 0, up: [above], down: [] }) - 1
      slots[above]!.down.push(lane)
      passed.push(lane)
      above = lane
    }
  }
  slots[above]!.down.push(to)
  slots[to]!.up.push(above)
  return passed
}

function byRank(slots: readonly Slot[]): number[][] {
  const last = slots.reduce((most, { rank }) => Math.max(most, rank), -1)
  const rows: number[][] = Array.from({ length: last + 1 }, () => [])
  slots.forEach(({ rank }, slot) => rows[rank]!.push(slot))
  return rows
}

/** Fewer crossings: each row sorted by the mean place of its neighbours, down and up in turn. */
function order(rows: number[][], slots: readonly Slot[]): void {
  const position = new Array<number>(slots.length).fill(0)
  const number = (row: number[]) => row.forEach((slot, index) => (position[slot] = index - (row.length - 1) / 2))
  rows.forEach(number)
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const side = sweep % 2 === 0 ? "up" : "down"
    for (const row of sweep % 2 === 0 ? rows : [...rows].reverse()) {
      const wish = new Map(row.map((slot) => [slot, mean(slots[slot]![side].map((other) => position[other]!)) ?? position[slot]!]))
      row.sort((a, b) => wish.get(a)! - wish.get(b)! || position[a]! - position[b]!)
      number(row)
    }
  }
}

/** Each slot as near to its neighbours as the others in its row allow. */
function place(rows: readonly number[][], slots: Slot[]): void {
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const side = sweep % 2 === 0 ? "up" : "down"
    for (const row of sweep % 2 === 0 ? rows : [...rows].reverse()) {
      pack(row, slots, (slot) => mean(slots[slot]![side].map((other) => slots[other]!.x)) ?? slots[slot]!.x)
    }
  }
}

/**
 * Places in the row's order with gaps between, with the least squares of the distances to the wishes: neighbours that
 * would overlap become one block, which stands at the mean of what its members wish.
 */
function pack(row: readonly number[], slots: Slot[], wish: (slot: number) => number): void {
  const blocks: { sum: number; count: number; from: number }[] = []
  const offset: number[] = []
  let reach = 0
  row.forEach((slot, index) => {
    if (index > 0) reach += (slots[row[index - 1]!]!.width + slots[slot]!.width) / 2 + GAP_X
    offset.push(reach)
    blocks.push({ sum: wish(slot) - reach, count: 1, from: index })
    while (blocks.length > 1 && level(blocks.at(-2)!) >= level(blocks.at(-1)!)) {
      const last = blocks.pop()!
      const before = blocks.at(-1)!
      before.sum += last.sum
      before.count += last.count
    }
  })
  blocks.forEach((block, index) => {
    const end = blocks[index + 1]?.from ?? row.length
    for (let i = block.from; i < end; i += 1) slots[row[i]!]!.x = level(block) + offset[i]!
  })
}

function level({ sum, count }: { sum: number; count: number }): number {
  return sum / count
}

function rowTops(rows: readonly number[][], boxes: readonly Box[]): { middle: number; bottom: number }[] {
  let top = 0
  return rows.map((row) => {
    const height = row.reduce((most, slot) => Math.max(most, boxes[slot]?.height ?? 0), 0)
    const here = { middle: top + height / 2, bottom: top + height }
    top += height + GAP_Y
    return here
  })
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
}
