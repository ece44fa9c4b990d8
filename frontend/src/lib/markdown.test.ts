import { expect, it } from "vitest"
import { paragraphs } from "./markdown"

it("reads paragraphs with strong and code", () => {
  expect(paragraphs("Uses an\noperator.\n\n**Usual cause.** An old `opset`.\n")).toEqual([
    [{ kind: "text", text: "Uses an operator." }],
    [
      { kind: "strong", text: "Usual cause." },
      { kind: "text", text: " An old " },
      { kind: "code", text: "opset" },
      { kind: "text", text: "." },
    ],
  ])
})

it("leaves unpaired marks alone", () => {
  expect(paragraphs("2 ** 3 and `x")).toEqual([[{ kind: "text", text: "2 ** 3 and `x" }]])
  expect(paragraphs("")).toEqual([])
})
