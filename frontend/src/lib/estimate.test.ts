import { expect, it } from "vitest"
import { left, likely, tally } from "./estimate"
import type { Board } from "@/api/types"

const estimate = { weights: 100, arena: 50 }

it("is certain only of what does not fit", () => {
  expect(likely(estimate, { flash: 200, ram: 64 })).toBe("likely")
  expect(likely(estimate, { flash: 99, ram: 64 })).toBe("no")
  expect(likely(estimate, { flash: 200, ram: 49 })).toBe("no")
})

it("knows nothing of memory that is not known, unless the other is too small already", () => {
  expect(likely(estimate, { flash: null, ram: 64 })).toBe("unknown")
  expect(likely(estimate, { flash: null, ram: 10 })).toBe("no")
})

it("counts boards", () => {
  const boards = [
    { flash: 200, ram: 64 },
    { flash: 10, ram: 64 },
    { flash: null, ram: null },
  ] as Board[]
  expect(tally(estimate, boards)).toEqual({ likely: 1, no: 1, unknown: 1 })
})

it("says what is left, below zero what is missing", () => {
  expect([left(200, 100), left(50, 100), left(null, 100)]).toEqual([100, -50, null])
})
