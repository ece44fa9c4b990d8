import { expect, it } from "vitest"
import { rowAfterKey, rowsInSight, scrollToRow } from "./window"

it("draws the rows in sight and a few more", () => {
  expect(rowsInSight(0, 200, 20, 10_000)).toEqual({ first: 0, end: 22 })
  expect(rowsInSight(2000, 200, 20, 10_000)).toEqual({ first: 88, end: 122 })
  expect(rowsInSight(2000, 200, 20, 5)).toEqual({ first: 5, end: 5 })
  expect(rowsInSight(0, 200, 20, 0)).toEqual({ first: 0, end: 0 })
})

it("scrolls only to what is not in sight", () => {
  expect(scrollToRow(5, 0, 200, 20)).toBe(0)
  expect(scrollToRow(100, 0, 200, 20)).toBe(1910)
  expect(scrollToRow(0, 1000, 200, 20)).toBe(0)
})

it("moves by keys and stays inside", () => {
  expect(rowAfterKey("ArrowDown", 3, 10, 5)).toBe(4)
  expect(rowAfterKey("ArrowUp", 0, 10, 5)).toBe(0)
  expect(rowAfterKey("PageDown", 8, 10, 5)).toBe(9)
  expect(rowAfterKey("End", 0, 10, 5)).toBe(9)
  expect(rowAfterKey("Home", 7, 10, 5)).toBe(0)
  expect(rowAfterKey("a", 7, 10, 5)).toBeNull()
  expect(rowAfterKey("End", 0, 0, 5)).toBeNull()
})
