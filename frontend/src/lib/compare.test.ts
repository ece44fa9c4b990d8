import { expect, it } from "vitest"
import { above, best } from "./compare"

it("finds the smallest value among those that were measured", () => {
  expect(best([3, null, 2, undefined, 5])).toBe(2)
})

it("marks nothing where there is nothing to choose", () => {
  expect(best([])).toBeNull()
  expect(best([4, null])).toBeNull()
  expect(best([4, 4, null])).toBeNull()
})

it.each([
  [100, 100, ""],
  [125, 100, "+25 %"],
  [101, 100, "+1 %"],
  [100.05, 100, ""],
  [104.55, 100, "+4.5 %"],
  [1250, 100, "×13"],
  [5, 0, ""],
])("%d beside %d is %j", (value, least, text) => {
  expect(above(value, least)).toBe(text)
})
