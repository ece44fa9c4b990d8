import { describe, expect, test } from "vitest"
import { obstacleOf } from "./obstacle"
import type { Inspection } from "@/api/types"
import { NO_FILES } from "@/lib/beside"
import { DEFAULT_PLAN } from "@/lib/plan"

const fine: Inspection = {
  name: "net",
  format: "onnx",
  sha256: "",
  size: 1,
  inputs: [],
  outputs: [],
  operators: [],
  parameters: 1,
  macs: 1,
  unsupported: [],
  shape_needed: {},
  compilable: true,
  estimate: null,
  no_estimate: "",
  notes: [],
  support: [],
  architecture: null,
  quantised: "",
  graphs: null,
}
const refused = { node: "n", op: "Odd", code: "E0201", reason: "", help: "" }
const weights: Inspection = {
  ...fine,
  compilable: false,
  unsupported: [{ ...refused, code: "E0120" }],
  architecture: { layers: [], input: null, inputs: {}, outputs: [], unused: [] },
}
const plan = DEFAULT_PLAN
const ask = (inspection: Inspection, changes: Partial<typeof plan> = {}, answered = true, files = NO_FILES) =>
  obstacleOf({ inspection, plan: { ...plan, ...changes }, files, answered, most: 64 })

describe("what is in the way", () => {
  test("nothing, for a model that compiles", () => expect(ask(fine)).toBeNull())
  test("a node that is not supported", () => expect(ask({ ...fine, compilable: false, unsupported: [refused] })).toMatch("not supported"))
  test("a shape that is still open", () => {
    const open = { ...fine, compilable: false, shape_needed: { x: [1, null] } }
    expect(ask(open, {}, false)).toMatch("shape first")
    expect(ask(open)).toBeNull()
  })
  test("weights, until somebody says how the layers are connected", () => {
    expect(ask(weights)).toMatch("how the layers are connected")
    expect(ask(weights, { source: "class Net: ..." })).toMatch("Name the class")
    expect(ask(weights, { source: "class Net: ...", class_name: "Net" })).toBeNull()
  })
  test("labels without samples, only where they would be used", () => {
    const labels = { ...NO_FILES, labels: new File(["x"], "y.npy") }
    expect(ask(fine, { precision: ["int8"] }, true, labels)).toMatch("samples that the labels belong to")
    expect(ask(fine, { precision: ["float32"] }, true, labels)).toBeNull()
    expect(ask(fine, { precision: ["int8"] }, true, { ...labels, calibration: new File(["x"], "c.npz") })).toBeNull()
    expect(ask(fine, { precision: ["int8"], accuracy_budget: "half" })).toMatch("Correct")
  })
  test("no target, no language, too much at once", () => {
    expect(ask(fine, { target: [] })).toMatch("target")
    expect(ask(fine, { emit: [] })).toMatch("language")
    expect(ask(fine, { precision: [] })).toMatch("precision")
    expect(obstacleOf({ inspection: fine, plan: { ...plan, target: ["a", "b"], emit: ["c", "cpp"] }, files: NO_FILES, answered: true, most: 3 })).toMatch("4 compilations")
  })
})
