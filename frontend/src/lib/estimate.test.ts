import { expect, it } from "vitest"
import { likely, needsOf, tally } from "./estimate"

const estimate = { target: "cortex-m4", weights: 100, arena: 50 }

it("is certain only of what does not fit", () => {
  expect(likely(estimate, { flash: 200, ram: 64 })).toBe("likely")
  expect(likely(estimate, { flash: 99, ram: 64 })).toBe("no")
  expect(likely(estimate, { flash: 200, ram: 49 })).toBe("no")
})

it("knows nothing of memory that is not known, unless the other is too small already", () => {
  expect(likely(estimate, { flash: null, ram: 64 })).toBe("unknown")
  expect(likely(estimate, { flash: null, ram: 10 })).toBe("no")
})

it("counts boards, whose largest piece of RAM must take the arena", () => {
  const boards = [
    { flash: 200, ram_largest: 64 },
    { flash: 200, ram_largest: 40 },
    { flash: null, ram_largest: null },
  ]
  expect(tally(estimate, boards)).toEqual({ likely: 1, no: 1, unknown: 1 })
})

it("falls back to what the parameters take, and says nothing of the RAM then", () => {
  expect(needsOf({ estimate, parameters: 9, unsupported: [] })).toBe(estimate)
  const rough = needsOf({ estimate: null, parameters: 100, unsupported: [] })
  expect(rough).toEqual({ weights: 400, arena: null })
  expect(likely(rough!, { flash: 500, ram: 1 })).toBe("likely")
  expect(likely(rough!, { flash: 300, ram: 1 })).toBe("no")
  const node = { node: "n", op: "Warp", code: "E0201", reason: "", help: "" }
  expect(needsOf({ estimate: null, parameters: 100, unsupported: [node] })).toBeNull()
})
