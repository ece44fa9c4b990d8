import { describe, expect, test } from "vitest"
import { argsText, EMPTY_LAYER, fileText, holesOf, inserted, moved, parseArgs, parseFrom, parseInput, removed, submitted } from "./architecture"
import type { Architecture } from "@/api/types"

const conv = { ...EMPTY_LAYER, name: "conv1", type: "Conv2d", args: { padding: 1 }, tensors: { weight: [8, 1, 3, 3] } }
const hole = { ...EMPTY_LAYER, note: "an activation?", choices: ["ReLU"] }
const list: Architecture = { layers: [conv, hole], input: [1, 1, 28, 28], inputs: {}, outputs: [], unused: [] }

describe("a list of layers", () => {
  test("says where it has holes", () => {
    expect(holesOf(list)).toEqual([1])
    expect(holesOf(inserted(list, 0))).toEqual([0, 2])
    expect(holesOf(removed(list, 1))).toEqual([])
  })

  test("layers change places, not beyond the ends", () => {
    expect(moved(list, 0, 1).layers).toEqual([hole, conv])
    expect(moved(list, 0, -1)).toEqual(list)
  })

  test("is sent without what the inspection said", () => {
    expect(submitted(list).layers).toEqual([{ ...conv, tensors: {} }, EMPTY_LAYER])
  })

  test("is written as the file for the command line", () => {
    expect(JSON.parse(fileText(removed(list, 1)))).toEqual({
      input: [1, 1, 28, 28],
      layers: [{ name: "conv1", type: "Conv2d", args: { padding: 1 } }],
    })
  })
})

describe("arguments as text", () => {
  test.each([
    ["kernel_size=3, padding=[1, 1]", { kernel_size: 3, padding: [1, 1] }],
    ["padding=(1, 2), bias=True, padding_mode='zeros'", { padding: [1, 2], bias: true, padding_mode: "zeros" }],
    ["slope=0.2, size=None", { slope: 0.2, size: null }],
    ["", {}],
  ])("%s", (text, args) => {
    expect(parseArgs(text)).toEqual(args)
    expect(parseArgs(argsText(args))).toEqual(args)
  })

  test.each(["3", "a=", "a=[1, x]", "a=__import__('os')"])("%s is refused", (text) => {
    expect(parseArgs(text)).toBeNull()
  })
})

test("what a layer reads, and the shape of the input", () => {
  expect(parseFrom(" conv2,act1 ")).toEqual(["conv2", "act1"])
  expect(parseFrom(" ")).toBeNull()
  expect(parseInput("1, 3, ?, 32")).toEqual([1, 3, null, 32])
  expect(parseInput("wide")).toBeNull()
})
