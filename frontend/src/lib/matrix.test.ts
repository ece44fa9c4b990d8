import { expect, it } from "vitest"
import { mergeFits } from "./matrix"
import type { BoardFit, Compilation } from "@/api/types"

const fit = (name: string, free: number | null) => ({ name, fits: free === null ? null : free >= 0, flash_free: free, ram_free: free }) as BoardFit
const job = (target: string, emit: string) => ({ id: `${target} ${emit}`, target, emit }) as Compilation

it("puts the languages of a board side by side, the board with most room first", () => {
  const rows = mergeFits([
    { job: job("m4", "c"), report: { boards: [fit("disco", 10), fit("tiny", -5)] } },
    { job: job("m4", "llvm"), report: { boards: [fit("disco", 40), fit("tiny", -1)] } },
    { job: job("m0", "c"), report: { boards: [fit("bit", 20), fit("odd", null)] } },
  ])
  expect(rows.map(({ board, target, headroom, cells }) => [board.name, target, headroom, [...cells.keys()]])).toEqual([
    ["disco", "m4", 40, ["c", "llvm"]],
    ["bit", "m0", 20, ["c"]],
    ["tiny", "m4", -1, ["c", "llvm"]],
    ["odd", "m0", null, ["c"]],
  ])
})

it("is empty without reports", () => {
  expect(mergeFits([])).toEqual([])
})
