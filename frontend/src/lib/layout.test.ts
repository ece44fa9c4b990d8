import { describe, expect, test } from "vitest"
import { type Edge, layout } from "./layout"

const box = { width: 180, height: 50 }
const boxes = (count: number) => Array.from({ length: count }, () => box)
const chain = (count: number): Edge[] => Array.from({ length: count - 1 }, (_, i): Edge => [i, i + 1])

describe("layout", () => {
  test("a chain is a straight line downwards", () => {
    const { places } = layout(boxes(4), chain(4))
    expect(new Set(places.map(({ x }) => x)).size).toBe(1)
    expect(places.map(({ y }) => y)).toEqual([...places.map(({ y }) => y)].sort((a, b) => a - b))
  })

  test("branches stand side by side without overlapping", () => {
    const { places, width } = layout(boxes(5), [[0, 1], [0, 2], [0, 3], [1, 4], [2, 4], [3, 4]])
    const xs = places.slice(1, 4).map(({ x }) => x).sort((a, b) => a - b)
    expect(xs[1]! - xs[0]!).toBeGreaterThanOrEqual(box.width)
    expect(xs[2]! - xs[1]!).toBeGreaterThanOrEqual(box.width)
    expect(places[4]!.x).toBeCloseTo(xs[1]!)
    expect(width).toBeGreaterThanOrEqual(3 * box.width)
  })

  test("an edge past other nodes goes around them", () => {
    const { places, bends } = layout(boxes(4), [...chain(4), [0, 3]])
    expect(bends.slice(0, 3)).toEqual([[], [], []])
    expect(bends[3]).toHaveLength(2)
    for (const [index, { x, y }] of bends[3]!.entries()) {
      const passed = places[index + 1]!
      expect(y).toBe(passed.y)
      expect(Math.abs(x - passed.x)).toBeGreaterThan(box.width / 2)
    }
  })

  test("what waits for nothing stands just above its reader", () => {
    const { places } = layout(boxes(5), [[0, 1], [1, 2], [2, 4], [3, 4]])
    expect(places[3]!.y).toBe(places[2]!.y)
  })

  test("no two nodes of a wide net share a place", () => {
    const edges: Edge[] = []
    for (let to = 10; to < 200; to += 1) for (const back of [3, 7]) edges.push([to - back - (to % 3), to])
    const { places } = layout(boxes(200), edges)
    const overlapping = places.flatMap((a, i) =>
      places.slice(i + 1).filter((b) => Math.abs(a.x - b.x) < box.width && Math.abs(a.y - b.y) < box.height),
    )
    expect(overlapping).toEqual([])
  })

  test("five thousand nodes in a row, and one edge past all of them", () => {
    const { places, bends } = layout(boxes(5000), [...chain(5000), [0, 4999]])
    expect(places.at(-1)!.y).toBeGreaterThan(4999 * box.height)
    expect(bends.at(-1)).toHaveLength(4998)
  })

  test("nothing at all", () => {
    expect(layout([], [])).toEqual({ places: [], bends: [], width: 0, height: 0 })
  })
})
