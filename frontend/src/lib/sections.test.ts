import { expect, it } from "vitest"
import { regionMaps } from "./sections"
import type { MapSection, Report } from "@/api/types"

const section = (part: Partial<MapSection>): MapSection => ({ name: ".text", kind: "code", region: "flash", address: 0, size: 100, symbols: [], ...part })
const totals = { ram: { stack: 50 } } as Report["totals"]

it("draws symbols by address, and the rest of their section", () => {
  const symbols = [
    { name: "b", address: 40, size: 30, layer: "fc" },
    { name: "a", address: 0, size: 40, layer: "conv" },
  ]
  const [flash] = regionMaps({ sections: [section({ symbols }), section({ name: ".rodata", kind: "weights", address: 100, size: 300 })], totals })
  expect(flash!.total).toBe(400)
  expect(flash!.sections.map(({ name, share }) => [name, share])).toEqual([
    [".text", 0.25],
    [".rodata", 0.75],
  ])
  expect(flash!.symbols.map(({ name, size, layer }) => [name, size, layer])).toEqual([
    ["a", 40, "conv"],
    ["b", 30, "fc"],
    ["rest of .text", 30, ""],
    ["rest of .rodata", 300, ""],
  ])
})

it("adds the measured stack to the RAM", () => {
  const [ram] = regionMaps({ sections: [section({ region: "ram", kind: "arena", size: 150 })], totals })
  expect(ram!.total).toBe(200)
  expect(ram!.sections.at(-1)).toMatchObject({ kind: "stack", size: 50, share: 0.25 })
})

it("is empty where nothing was linked", () => {
  expect(regionMaps({ sections: [], totals })).toEqual([])
})
