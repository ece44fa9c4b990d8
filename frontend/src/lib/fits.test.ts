import { expect, it } from "vitest"
import { fitOf, freeShare, headroom, isWanted, NO_FILTER, vendorsOf } from "./fits"
import type { BoardFit } from "@/api/types"

const board = (part: Partial<BoardFit>): BoardFit => ({
  name: "nucleo-l4r5zi", title: "NUCLEO-L4R5ZI", vendor: "ST", fits: true, flash_free: 300, ram_free: 10, latency_ms: 1, clock_mhz: 120, verified: true, ...part,
})
const need = { flash: 100, ram: 30 }

it("lets the scarcer memory decide", () => {
  expect(headroom(board({}), need)).toBe(0.25)
  expect(headroom(board({ flash_free: -50 }), need)).toBe(-1)
})

it("knows no headroom where something is unknown", () => {
  expect(headroom(board({ ram_free: null }), need)).toBeNull()
  expect(headroom(board({}), { flash: null, ram: 30 })).toBeNull()
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
