import { expect, it } from "vitest"
import { fitOf, freeShare, headroom, isWanted, NO_FILTER, vendorsOf } from "./fits"
import type { BoardFit } from "@/api/types"

const board = (part: Partial<BoardFit>): BoardFit => ({
  name: "nucleo-l4r5zi", title: "NUCLEO-L4R5ZI", vendor: "ST", fits: true, flash_free: 300, ram_free: 10, arena_in: null, latency_ms: 1, clock_mhz: 120, verified: true, ...part,
})
it("lets the scarcer memory decide", () => {
  expect(headroom(board({}))).toBe(10)
  expect(headroom(board({ flash_free: -50 }))).toBe(-50)
  expect(headroom(board({ ram_free: null }))).toBe(300)
  expect(headroom(board({ flash_free: null, ram_free: null }))).toBeNull()
})

it("knows no share where something is unknown", () => {
  expect(freeShare(300, 100)).toBe(0.75)
  expect(freeShare(-50, 100)).toBe(-1)
  expect(freeShare(null, 100)).toBeNull()
  expect(freeShare(300, null)).toBeNull()
  expect(freeShare(-100, 100)).toBeNull()
})

it("tells three answers apart", () => {
  expect([true, false, null].map((fits) => fitOf(board({ fits })))).toEqual(["yes", "no", "unknown"])
})

it("filters by words, vendor and source", () => {
  expect(isWanted(board({}), { ...NO_FILTER, text: "st L4R5" })).toBe(true)
  expect(isWanted(board({}), { ...NO_FILTER, text: "nordic" })).toBe(false)
  expect(isWanted(board({}), { ...NO_FILTER, vendor: "Nordic" })).toBe(false)
  expect(isWanted(board({ verified: false }), { ...NO_FILTER, verified: true })).toBe(false)
})

it("lists each vendor once", () => {
  expect(vendorsOf([board({}), board({ vendor: "Arduino" }), board({}), board({ vendor: "" })])).toEqual(["Arduino", "ST"])
})
