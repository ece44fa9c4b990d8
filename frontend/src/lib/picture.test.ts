import { describe, expect, test } from "vitest"
import { boxOf, edgesOf, graphModel, neighbour, search, tensorFacts } from "./picture"
import { tunedShare } from "./support"
import type { Picture, PictureNode, PictureTensor } from "@/api/types"

const tensor = (name: string, changes: Partial<PictureTensor> = {}): PictureTensor => ({
  name,
  dtype: "float32",
  shape: [1, 4],
  layout: "",
  bytes: 16,
  constant: false,
  ...changes,
})
const node = (op: string, name: string, inputs: (number | null)[], outputs: number[]): PictureNode => ({
  op,
  name,
  sources: [],
  attributes: {},
  inputs,
  outputs,
  macs: null,
  weights: 0,
  kind: null,
  kernel: "",
  problem: "",
})

/** x → left, right (by weights w) → sum → y; the sum reads left twice. */
const picture: Picture = {
  tensors: [tensor("x"), tensor("w", { constant: true }), tensor("l"), tensor("r"), tensor("y")],
  nodes: [node("Relu", "left", [0, null], [2]), node("Gemm", "right", [0, 1], [3]), node("Sum", "sum", [2, 3, 2], [4])],
  inputs: [0],
  outputs: [4],
}
const graph = graphModel(picture)

describe("the model of a graph", () => {
  test("inputs come first, outputs last, weights are no nodes", () => {
    expect(graph.drawn.map(({ label, title }) => `${label} ${title}`)).toEqual(["input x", "Relu left", "Gemm right", "Sum sum", "output y"])
  })

  test("an edge for each two nodes, however often one reads the other", () => {
    expect(edgesOf(graph).edges).toEqual([[0, 1], [0, 2], [1, 3], [2, 3], [3, 4]])
  })

  test("a node that reads what is written after it gets no edge backwards", () => {
    const odd = graphModel({ ...picture, nodes: [...picture.nodes].reverse() })
    expect(odd.links.every(({ from, to }) => from < to)).toBe(true)
  })

  test("long names do not make endless boxes", () => {
    expect(boxOf({ role: "node", place: 0, node: picture.nodes[0]!, label: "x".repeat(200), title: "" }).width).toBe(260)
  })
})

test("all the words must be there to be found", () => {
  expect(search(graph, "relu LEFT")).toEqual([1])
  expect(search(graph, "relu right")).toEqual([])
  expect(search(graph, " ")).toEqual([])
})

test("arrows follow the data and lead to siblings", () => {
  expect(neighbour(graph, 0, "ArrowDown")).toBe(1)
  expect(neighbour(graph, 1, "ArrowRight")).toBe(2)
  expect(neighbour(graph, 2, "ArrowLeft")).toBe(1)
  expect(neighbour(graph, 2, "ArrowRight")).toBeNull()
  expect(neighbour(graph, 3, "ArrowUp")).toBe(1)
  expect(neighbour(graph, 4, "ArrowDown")).toBeNull()
})

test("a tensor in words", () => {
  expect(tensorFacts(tensor("t", { layout: "0231", shape: [1, 2, 3, 3], bytes: 72 }))).toBe("float32 1×2×3×3 · axes in memory 0, 2, 3, 1 · 72 B")
  expect(tensorFacts(tensor("t", { dtype: "", shape: null, bytes: null }))).toBe("shape not known")
})

test("the share of tuned kernels is of multiply-accumulates", () => {
  const use = (kind: "tuned" | "generic", macs: number) => ({ op: "", family: "", nodes: 1, kind, macs })
  expect(tunedShare({ layers: [use("tuned", 30), use("generic", 10)] })).toBe(0.75)
  expect(tunedShare({ layers: [use("generic", 0)] })).toBeNull()
})
