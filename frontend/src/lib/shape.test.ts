import { expect, it } from "vitest"
import { parseShape, proposalText, shapeProblem } from "./shape"

it.each([
  ["1, 3, 32, 32", [1, 3, 32, 32]],
  ["1x1x28x28", [1, 1, 28, 28]],
  [" 1×784 ", [1, 784]],
  ["", null],
  ["1, ?, 28", null],
  ["1, 0", null],
  ["1.5", null],
  ["99999999999", null],
])("reads %j as %j", (text, shape) => expect(parseShape(text)).toEqual(shape))

it.each([
  ["1, 1, 28, 28", [null, 1, null, null], null],
  ["1, 28, 28", [null, 1, null, null], "This input has 4 dimensions, not 3"],
  ["1, 3, 28, 28", [null, 1, null, null], "Dimension 2 is 1 in the model"],
  ["1, 3", [], null],
  ["many", [null], "Give whole positive numbers, such as 1, 3, 32, 32"],
])("judges %j for %j", (text, open, problem) => expect(shapeProblem(text, open)).toBe(problem))

it("marks what it cannot propose", () => expect(proposalText([1, null, 28])).toBe("1, ?, 28"))
