/** A list of layers, as a person edits it. */
import type { Architecture, Inspection, ListedLayer } from "@/api/types"

const WEIGHTS_ALONE = "E0120"

type Argument = ListedLayer["args"][string]

/** Steps between layers that torch.nn has no class for. */
export const STEPS = ["Add", "Multiply", "Concatenate", "Select", "Mean", "Permute", "Reshape", "Parameter"]

export const EMPTY_LAYER: ListedLayer = { name: "", type: null, args: {}, from: null, note: "", choices: [], tensors: {} }

/** The one thing in the way is that nobody said how the layers are connected. */
export function isWeightsAlone({ compilable, architecture, unsupported }: Pick<Inspection, "compilable" | "architecture" | "unsupported">): boolean {
  return !compilable && architecture !== null && unsupported.every(({ code }) => code === WEIGHTS_ALONE)
}

export function holesOf({ layers }: Architecture): number[] {
  return layers.flatMap(({ type }, index) => (type === null ? [index] : []))
}

export function inserted(list: Architecture, at: number): Architecture {
  return { ...list, layers: [...list.layers.slice(0, at), EMPTY_LAYER, ...list.layers.slice(at)] }
}

export function removed(list: Architecture, at: number): Architecture {
  return { ...list, layers: list.layers.filter((_, index) => index !== at) }
}

export function replaced(list: Architecture, at: number, layer: ListedLayer): Architecture {
  return { ...list, layers: list.layers.map((old, index) => (index === at ? layer : old)) }
}

/** The layer exchanged with the one before it (-1) or after it (1). */
export function moved(list: Architecture, at: number, by: -1 | 1): Architecture {
  const layers = [...list.layers]
  const [one, other] = [layers[at], layers[at + by]]
  if (!one || !other) return list
  layers[at] = other
  layers[at + by] = one
  return { ...list, layers }
}

/** What is sent: without what an inspection said about the layers. */
export function submitted(list: Architecture): Architecture {
  return { ...list, layers: list.layers.map((layer) => ({ ...layer, note: "", choices: [], tensors: {} })) }
}

/** The same as a file for the command line: only what was chosen. */
export function fileText({ layers, input, inputs, outputs }: Architecture): string {
  const plain = layers.map(({ name, type, args, from }) => ({
    ...(name && { name }),
    type,
    ...(Object.keys(args).length > 0 && { args }),
    ...(from && { from }),
  }))
  const whole = {
    ...(input && { input }),
    ...(Object.keys(inputs).length > 0 && { inputs }),
    ...(outputs.length > 0 && { outputs }),
    layers: plain,
  }
  return JSON.stringify(whole, null, 1)
}

/** {kernel_size: 3, padding: [1, 1]} → "kernel_size=3, padding=[1, 1]". */
export function argsText(args: ListedLayer["args"]): string {
  return Object.entries(args)
    .map(([name, value]) => `${name}=${argumentText(value)}`)
    .join(", ")
}

function argumentText(value: Argument): string {
  return Array.isArray(value) ? `[${value.map(String).join(", ")}]` : String(value)
}

/** The reverse, and Python's way to write it: True, None, (1, 1), 'same'. Null: not understood. */
export function parseArgs(text: string): ListedLayer["args"] | null {
  const found: ListedLayer["args"] = {}
  for (const part of text.split(/,(?![^[(]*[\])])/)) {
    if (part.trim() === "") continue
    const [, name, value] = /^\s*(\w+)\s*=\s*(.+?)\s*$/.exec(part) ?? []
    if (name === undefined || value === undefined) return null
    const argument = parseArgument(value)
    if (argument === undefined) return null
    found[name] = argument
  }
  return found
}

function parseArgument(text: string): Argument | undefined {
  const list = /^[[(](.*)[\])]$/.exec(text)
  if (list) {
    const items = list[1]!.split(",").filter((item) => item.trim() !== "")
    const numbers = items.map((item) => (/^\s*(null|None)\s*$/.test(item) ? null : Number(item)))
    return numbers.every((item) => item === null || Number.isInteger(item)) ? numbers : undefined
  }
  if (/^(true|True)$/.test(text)) return true
  if (/^(false|False)$/.test(text)) return false
  if (/^(null|None)$/.test(text)) return null
  const number = Number(text)
  if (Number.isFinite(number)) return number
  return /^(['"]?)([\w.:-]+)\1$/.exec(text)?.[2]
}

/** "conv2, act1" → ["conv2", "act1"]; nothing means the layer before. */
export function parseFrom(text: string): string[] | null {
  const names = text.split(",").map((name) => name.trim()).filter(Boolean)
  return names.length > 0 ? names : null
}

/** "1, 3, 32, 32", with ? where a size is still open; null when it is no shape. */
export function parseInput(text: string): (number | null)[] | null {
  const words = text.trim().split(/[\s,x×]+/i).filter(Boolean)
  const sizes = words.map((word) => (word === "?" ? null : Number(word)))
  return words.length > 0 && sizes.every((size) => size === null || (Number.isInteger(size) && size > 0)) ? sizes : null
}

/** 64×3×3×3, of the tensors that a layer has in the file. */
export function tensorsText(tensors: ListedLayer["tensors"]): string {
  return Object.entries(tensors)
    .map(([name, shape]) => `${name} ${shape.join("×") || "scalar"}`)
    .join(", ")
}
