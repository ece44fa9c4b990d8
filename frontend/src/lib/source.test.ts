import { describe, expect, it } from "vitest"
import { findFunction, foldNumbers, languageOf } from "./source"

const numbers = (count: number) => Array.from({ length: count }, (_, n) => `    0x1.8p-${n}f, -0x1.0p+0f, 1.5e-3f, 0.0f,`)

describe("foldNumbers", () => {
  it("folds a table of weights and keeps the code around it", () => {
    const lines = ["#include <stdint.h>", "static const float w[40] = {", ...numbers(10), "};", "int run(void);"]
    expect(foldNumbers(lines)).toEqual([
      { kind: "code", first: 1, lines: lines.slice(0, 2) },
      { kind: "fold", first: 3, count: 10 },
      { kind: "code", first: 13, lines: ["};", "int run(void);"] },
    ])
  })

  it("loses no line", () => {
    const lines = ["a", ...numbers(3), "b", ...numbers(9), ...["", "c"], ...numbers(8)]
    const total = foldNumbers(lines).reduce((sum, block) => sum + (block.kind === "code" ? block.lines.length : block.count), 0)
    expect(total).toBe(lines.length)
  })

  it("shows a short table", () => {
    expect(foldNumbers(numbers(4))).toEqual([{ kind: "code", first: 1, lines: numbers(4) }])
  })

  it.each(["return 0;", "}", "", "y[0] = 1.0f;", "/* 1 2 3 */", "case 4:"])("does not take %j for numbers", (line) => {
    expect(foldNumbers(Array<string>(20).fill(line)).every((block) => block.kind === "code")).toBe(true)
  })

  it.each(["1, 2, 3,", "    0x7f, 0x80u,", "{ 1, -2 },", "-0x1.fp-3f,", "3.0e+5f, 1e-7f"])("takes %j for numbers", (line) => {
    expect(foldNumbers(Array<string>(20).fill(line))[0]!.kind).toBe("fold")
  })
})

describe("findFunction", () => {
  const lines = [
    "static void conv_1(const float *x, float *y);",
    "/* conv_1(x, y) */",
    "static __attribute__((noinline)) void conv_1(",
    "    const float *x, float *y)",
    "{",
    "    conv_2(x, y);",
    "}",
    "void conv_2(void) {",
    "}",
  ]
  it("finds the definition over several lines", () => expect(findFunction(lines, "conv_1")).toBe(3))
  it("is not misled by a call", () => expect(findFunction(lines, "conv_2")).toBe(8))
  it("takes whole names only", () => expect(findFunction(lines, "conv")).toBeNull())
  it("refuses what is no name", () => expect(findFunction(lines, ".*")).toBeNull())
})

it.each([
  ["src/model.c", "c"],
  ["include/model.h", "c"],
  ["CMakeLists.txt", "cmake"],
  ["README.md", "markdown"],
  ["lib/cortex-m4/model.o", null],
  ["src/model_weights.bin", null],
])("knows how to show %s: %s", (path, language) => expect(languageOf(path)).toBe(language))
