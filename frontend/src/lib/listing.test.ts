import { describe, expect, it } from "vitest"
import { asmRows, costOf, findPlace, type ListedFunction, lineColours, mnemonic, placeOf, sourceRows } from "./listing"

const instruction = (offset: number, line: number | null, executed: number | null = null) => ({ offset, text: `nop ${offset}`, line, executed, cycles: null })
const kernel: ListedFunction = {
  name: "conv1",
  layers: [0, 2],
  source: { file: "src/model.c", first: 2, last: 4 },
  left_out: 0,
  instructions: [instruction(0, 3, 10), instruction(2, 4, 10), instruction(4, 3, 5), instruction(6, null)],
}
const assembly: ListedFunction = { name: "dense", layers: [1], source: null, left_out: 7, instructions: [instruction(0, null)] }
const functions = [kernel, assembly]
const files = new Map([["src/model.c", ["/* model */", "void conv1(void) {", "  load();", "}"]]])

describe("rows", () => {
  it("lists every instruction below a heading, and says what is left out", () => {
    const rows = asmRows(functions, [0, 1])
    expect(rows.map((row) => row.kind)).toEqual(["head", "code", "code", "code", "code", "head", "code", "rest"])
    expect(rows.at(-1)).toEqual({ kind: "rest", at: 1, count: 7 })
  })

  it("lists the lines of a function with what their instructions cost", () => {
    const rows = sourceRows(functions, [0, 1], files)
    expect(rows.map((row) => (row.kind === "line" ? [row.line, row.text, row.instructions, row.executed] : row.kind))).toEqual([
      "head",
      [2, "void conv1(void) {", 0, null],
      [3, "  load();", 2, 15],
      [4, "}", 1, 10],
    ])
  })

  it("shows only the functions that were chosen, and nothing for a file that is not there", () => {
    expect(asmRows(functions, [1]).every((row) => row.at === 1)).toBe(true)
    expect(sourceRows(functions, [0], new Map())).toEqual([])
  })
})

it("finds the rows that belong together", () => {
  const asm = asmRows(functions, [0])
  const source = sourceRows(functions, [0], files)
  const place = placeOf(asm[3])
  expect(place).toEqual({ at: 0, line: 3 })
  expect(findPlace(source, place!)).toBe(2)
  expect(findPlace(asm, { at: 0, line: 3 })).toBe(1)
  expect(findPlace(source, { at: 1, line: 3 })).toBe(-1)
  expect(placeOf(asm[4])).toBeNull()
  expect(placeOf(asm[0])).toBeNull()
})

it("gives the lines with code a colour each, in their order", () => {
  expect([...lineColours(kernel, 8)]).toEqual([
    [3, 0],
    [4, 1],
  ])
})

it("adds up a function, and says nothing of what was not counted", () => {
  expect(costOf(kernel)).toEqual({ executed: 25, cycles: null })
  expect(costOf(assembly)).toEqual({ executed: null, cycles: null })
})

it("parts mnemonic and operands", () => {
  expect(mnemonic("vldr s0, [r1, #4]")).toEqual(["vldr", "s0, [r1, #4]"])
  expect(mnemonic("nop")).toEqual(["nop", ""])
})
