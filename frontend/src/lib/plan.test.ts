import { describe, expect, it } from "vitest"
import { countOf, DEFAULT_PLAN, planCli, planCurl, requestOf } from "./plan"

const plan = (part: Partial<typeof DEFAULT_PLAN>) => ({ ...DEFAULT_PLAN, ...part })

it("sends single values as such and several as lists", () => {
  expect(requestOf(plan({}))).toEqual({ target: "cortex-m4" })
  expect(requestOf(plan({ target: ["cortex-m0", "rv32imc"], emit: ["c", "llvm"], optimize: "size" }))).toEqual({
    target: ["cortex-m0", "rv32imc"],
    emit: ["c", "llvm"],
    optimize: "size",
  })
  expect(requestOf(plan({ emit: ["cpp"] }))).toEqual({ target: "cortex-m4", emit: "cpp" })
})

it("counts what one click makes", () => {
  expect(countOf(plan({ target: ["a", "b", "c"], emit: ["c", "cpp"] }))).toBe(6)
  expect(countOf(plan({ target: [] }))).toBe(0)
})

describe("planCli", () => {
  it("is a plain command for one compilation", () => {
    expect(planCli("kws.onnx", plan({ emit: ["llvm"] }))).toBe("deepmetal compile kws.onnx --target cortex-m4 --emit llvm -o kws-out")
  })

  it("loops over the lists, with a folder for each compilation", () => {
    expect(planCli("kws.onnx", plan({ target: ["cortex-m0", "cortex-m4"], emit: ["c", "cpp"], optimize: "speed" }))).toBe(
      'for target in cortex-m0 cortex-m4; do for emit in c cpp; do\n' +
        '  deepmetal compile kws.onnx --target "$target" --emit "$emit" --optimize speed -o "kws-out/$target-$emit"\n' +
        "done; done",
    )
  })

  it("loops over one list and keeps the other value", () => {
    expect(planCli("kws.onnx", plan({ target: ["cortex-m0", "cortex-m4"], emit: ["cpp"] }))).toBe(
      'for target in cortex-m0 cortex-m4; do\n  deepmetal compile kws.onnx --target "$target" --emit cpp -o "kws-out/$target"\ndone',
    )
    expect(planCli("kws.onnx", plan({ emit: ["c", "llvm"] }))).toBe(
      'for emit in c llvm; do\n  deepmetal compile kws.onnx --target cortex-m4 --emit "$emit" -o "kws-out/$emit"\ndone',
    )
  })
})

it("writes curl with lists", () => {
  expect(planCurl("kws.onnx", plan({ target: ["a", "b"] }), "http://x")).toContain(`'options={"target":["a","b"]}'`)
})
