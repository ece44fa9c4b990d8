import { expect, it } from "vitest"
import { mixOf } from "./mix"
import type { ReportLayer } from "@/api/types"

const layer = (name: string, mix: Record<string, number> | null) => ({ name, op: "Conv", mix }) as ReportLayer

it("adds up layers and classes", () => {
  const mix = mixOf([layer("a", { load: 10, alu: 5 }), layer("b", { load: 1, store: 2, branch: 3 })])
  expect(mix).toMatchObject({ total: 21, sum: { load: 11, alu: 5, store: 2, branch: 3 } })
  expect(mix!.rows.map(({ total }) => total)).toEqual([15, 6])
})

it("keeps the compiler's order of classes", () => {
  expect(mixOf([layer("a", { load: 1, alu: 1 }), layer("b", { load: 1, store: 1, alu: 1, move: 1 })])!.classes).toEqual(["load", "store", "alu", "move"])
})

it("knows layers that were not counted, and says nothing when none was", () => {
  expect(mixOf([layer("a", null), layer("b", { load: 1 })])!.rows[0]).toMatchObject({ total: 0, counts: {} })
  expect(mixOf([layer("a", null)])).toBeNull()
})
