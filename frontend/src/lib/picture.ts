/** A picture of a graph, made ready to be drawn, walked through and searched. */
import type { Picture, PictureNode, PictureTensor } from "@/api/types"
import { bytes, shape } from "./format"
import type { Box, Edge } from "./layout"

/** A node as it is drawn: one of the picture's, or an input or output of the model. */
export type Drawn =
  | { role: "node"; place: number; node: PictureNode; label: string; title: string }
  | { role: "input" | "output"; tensor: number; label: string; title: string }

export interface Link {
  from: number
  to: number
  /** Place in the picture's tensors. */
  tensor: number
}

export interface GraphModel {
  picture: Picture
  /** In topological order: inputs, nodes, outputs. */
  drawn: Drawn[]
  links: Link[]
  /** Links by the drawn node that they end at, and that they start from. */
  into: Link[][]
  outOf: Link[][]
}

const HEIGHT = { node: 58, input: 34, output: 34 }

export function graphModel(picture: Picture): GraphModel {
  const { tensors, nodes, inputs, outputs } = picture
  const ends = (role: "input" | "output", list: readonly number[]): Drawn[] =>
    list.map((tensor) => ({ role, tensor, label: role, title: tensors[tensor]!.name }))
  const drawn: Drawn[] = [
    ...ends("input", inputs),
    ...nodes.map((node, place): Drawn => ({ role: "node", place, node, label: node.op, title: node.name })),
    ...ends("output", outputs),
  ]
  const writer = new Map<number, number>()
  const reads = (index: number): readonly (number | null)[] => {
    const item = drawn[index]!
    return item.role === "node" ? item.node.inputs : item.role === "output" ? [item.tensor] : []
  }
  drawn.forEach((item, index) => {
    if (item.role === "node") for (const tensor of item.node.outputs) writer.set(tensor, index)
    else if (item.role === "input") writer.set(item.tensor, index)
  })
  const into = drawn.map((): Link[] => [])
  const outOf = drawn.map((): Link[] => [])
  drawn.forEach((_, to) => {
    for (const tensor of new Set(reads(to))) {
      const from = tensor === null ? undefined : writer.get(tensor)
      if (tensor === null || from === undefined || from >= to) continue // weights, or a node out of order
      const link = { from, to, tensor }
      into[to]!.push(link)
      outOf[from]!.push(link)
    }
  })
  return { picture, drawn, links: into.flat(), into, outOf }
}

export function boxOf(item: Drawn): Box {
  const text = Math.max(item.label.length * 8.8, Math.min(item.title.length, 30) * 6.4)
  return { width: Math.round(Math.min(260, Math.max(110, 34 + (item.role === "node" ? text : (item.title.length + 7) * 7)))), height: HEIGHT[item.role] }
}

/** One edge between two nodes, however many tensors lead from one to the other. */
export function edgesOf({ links }: GraphModel): { edges: Edge[]; tensors: number[][] } {
  const found = new Map<string, { edge: Edge; tensors: number[] }>()
  for (const { from, to, tensor } of links) {
    const key = `${from} ${to}`
    const known = found.get(key)
    if (known) known.tensors.push(tensor)
    else found.set(key, { edge: [from, to], tensors: [tensor] })
  }
  const all = [...found.values()]
  return { edges: all.map(({ edge }) => edge), tensors: all.map(({ tensors }) => tensors) }
}

/** Drawn nodes with all the words in their operator, name, sources, kernel or tensors. */
export function search({ drawn, picture }: GraphModel, text: string): number[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return []
  const about = (item: Drawn): string => {
    if (item.role !== "node") return `${item.label} ${item.title}`
    const { op, name, sources, kernel, kind, outputs } = item.node
    return [op, name, ...sources, kernel, kind ?? "", ...outputs.map((tensor) => picture.tensors[tensor]!.name)].join(" ")
  }
  return drawn.flatMap((item, index) => {
    const text = about(item).toLowerCase()
    return words.every((word) => text.includes(word)) ? [index] : []
  })
}

/** Where an arrow key leads: along the data, or to the neighbour that reads or writes the same. */
export function neighbour({ into, outOf }: GraphModel, at: number, key: string): number | null {
  switch (key) {
    case "ArrowUp":
      return into[at]?.[0]?.from ?? null
    case "ArrowDown":
      return outOf[at]?.[0]?.to ?? null
    case "ArrowLeft":
    case "ArrowRight": {
      const step = key === "ArrowLeft" ? -1 : 1
      const sides = [
        ...(into[at] ?? []).map(({ from }) => (outOf[from] ?? []).map(({ to }) => to)),
        ...(outOf[at] ?? []).map(({ to }) => (into[to] ?? []).map(({ from }) => from)),
      ].map((side) => [...new Set(side)])
      const side = sides.find((one) => one.length > 1 && one[one.indexOf(at) + step] !== undefined)
      return side?.[side.indexOf(at) + step] ?? null
    }
    default:
      return null
  }
}

/** float32 1×3×32×32 */
export function tensorText({ dtype, shape: dimensions }: PictureTensor): string {
  return [dtype, dimensions ? shape(dimensions) : "shape not known"].filter(Boolean).join(" ")
}

export function tensorFacts(tensor: PictureTensor): string {
  return [
    tensorText(tensor),
    tensor.layout && `axes in memory ${tensor.layout.split("").join(", ")}`,
    tensor.bytes !== null && bytes(tensor.bytes),
  ]
    .filter(Boolean)
    .join(" · ")
}

export const KIND_TITLES: Record<NonNullable<PictureNode["kind"]>, { title: string; meaning: string }> = {
  tuned: { title: "tuned", meaning: "a kernel written for this family of processors" },
  generic: { title: "generic", meaning: "the operator's own loops: right everywhere, tuned for nothing" },
  view: { title: "view", meaning: "no code: another look at the same memory" },
  folded: { title: "folded", meaning: "computed while compiling, or removed" },
}
