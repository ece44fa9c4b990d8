/** Flash and RAM to scale: what lies there, and how much of it. */
import type { MapSection, Report } from "@/api/types"

export interface Slice {
  key: string
  name: string
  /** What it is, in one word: the kind of a section, or "stack". */
  kind: MapSection["kind"] | "stack"
  /** The first layer that uses it; empty when it is for none. */
  layer: string
  address: number | null
  size: number
  /** Of the whole region, 0 to 1. */
  share: number
}

export interface RegionMap {
  region: MapSection["region"]
  total: number
  sections: Slice[]
  /** Finer than the sections; the small ones of a section together are its rest. */
  symbols: Slice[]
}

/** Both regions; the stack, which no linker knows of, comes from the measurement. Empty without a linked program. */
export function regionMaps({ sections, totals }: Pick<Report, "sections" | "totals">): RegionMap[] {
  return (["flash", "ram"] as const).flatMap((region) => {
    const parts = sections.filter((section) => section.region === region)
    if (parts.length === 0) return []
    const stack = region === "ram" ? (totals.ram.stack ?? 0) : 0
    const total = parts.reduce((sum, { size }) => sum + size, stack)
    const slice = (part: Omit<Slice, "share">): Slice => ({ ...part, share: total > 0 ? part.size / total : 0 })
    const last = stack > 0 ? [slice({ key: "stack", name: "stack", kind: "stack", layer: "", address: null, size: stack })] : []
    return [
      {
        region,
        total,
        sections: [...parts.map((part) => slice({ ...named(part), layer: "", address: part.address, size: part.size })), ...last],
        symbols: [...parts.flatMap((part) => symbolsOf(part).map(slice)), ...last],
      },
    ]
  })
}

function named(section: MapSection): Pick<Slice, "key" | "name" | "kind"> {
  return { key: `${section.name} ${section.address}`, name: section.name, kind: section.kind }
}

/** By address; what has no symbol of its own is the rest of its section. */
function symbolsOf(section: MapSection): Omit<Slice, "share">[] {
  const symbols = [...section.symbols].sort((a, b) => a.address - b.address)
  const rest = section.size - symbols.reduce((sum, { size }) => sum + size, 0)
  const listed = symbols.map(({ name, layer, address, size }) => ({ key: `${name} ${address}`, name, kind: section.kind, layer, address, size }))
  if (rest <= 0) return listed
  return [...listed, { ...named(section), name: `rest of ${section.name}`, layer: "", address: null, size: rest }]
}
