import { expect, it } from "vitest"
import { anyOverlap, boxes, ticks } from "./memory"
import type { MemoryInfo } from "@/api/types"

const tensor = (name: string, offset: number, size: number, first_use: number, last_use: number) => ({
  name,
  layer: first_use < 0 ? "" : `layer_${first_use}`,
  offset,
  size,
  first_use,
  last_use,
})
const memory: MemoryInfo = {
  arena_bytes: 100,
  lower_bound_bytes: 90,
  tensors: [tensor("input", 60, 40, -1, 0), tensor("a", 0, 50, 0, 1), tensor("b", 50, 50, 1, 1)],
}

it("places tensors in time and space", () => {
  const [input, a, b] = boxes(memory, 2, 300, 100)
  expect(input).toMatchObject({ x: 0, width: 200, y: 0, height: 40 })
  expect(a).toMatchObject({ x: 100, width: 200, y: 50, height: 50 })
  expect(b).toMatchObject({ x: 200, width: 100, y: 0, height: 50 })
})

it("draws an empty arena without dividing by zero", () => {
  expect(boxes({ ...memory, arena_bytes: 0, tensors: [] }, 0, 300, 100)).toEqual([])
})

it("sees tensors that share bytes while both are alive", () => {
  expect(anyOverlap(memory)).toBe(false)
  const reader = tensor("c", 90, 20, 1, 2)
  expect(anyOverlap({ ...memory, tensors: [...memory.tensors, reader] })).toBe(true)
  expect(anyOverlap({ ...memory, tensors: [...memory.tensors, { ...reader, first_use: 2 }] })).toBe(false)
})

it("keeps an axis readable", () => {
  expect(ticks(5, 10)).toEqual([0, 1, 2, 3, 4])
  expect(ticks(64, 10)).toEqual([0, 7, 14, 21, 28, 35, 42, 49, 56, 63])
  expect(ticks(0, 10)).toEqual([])
})
