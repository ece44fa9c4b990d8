import { expect, it } from "vitest"
import { isMadeFor } from "./packs"

const pack = { name: "cmsis", title: "CMSIS-Pack", description: "", targets: { c: ["m0", "m4"], cpp: ["m4"] } }

it("is there only when it is there for each of them", () => {
  expect(isMadeFor(pack, ["m0", "m4"], ["c"])).toBe(true)
  expect(isMadeFor(pack, ["m0", "m4"], ["c", "cpp"])).toBe(false)
  expect(isMadeFor(pack, ["m4"], ["c", "cpp"])).toBe(true)
  expect(isMadeFor(pack, ["m4"], ["llvm"])).toBe(false)
})
