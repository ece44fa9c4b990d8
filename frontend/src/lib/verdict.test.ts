import { expect, it } from "vitest"
import { verdict } from "./verdict"
import type { Report } from "@/api/types"

const report = (validation: Partial<NonNullable<Report["validation"]>> | null): Report =>
  ({
    options: {},
    boards: [],
    totals: { flash: { total: 95808 }, ram: { arena: 64008, total: 64384 } },
    validation: validation && {
      reference: "ONNX Runtime 1.31.1",
      vectors: 4,
      max_abs_error: 1.2e-6,
      max_rel_error: 3e-7,
      bit_exact: false,
      integers_exact: null,
      tolerance: 1e-5,
      passed: true,
      ...validation,
    },
  }) as unknown as Report

it("says how well it matches and what it needs", () => {
  expect(verdict(report({}))).toEqual({
    kind: "ok",
    title: "Matches ONNX Runtime 1.31.1 within 1.2e-6",
    detail: "Checked layer by layer on 4 input vectors run on the emulator. Needs 93.6 KiB flash and 62.9 KiB RAM.",
  })
})

it("never calls unchecked code checked", () => expect(verdict(report(null)).kind).toBe("warn"))

it("says what is off", () => {
  const { kind, title, detail } = verdict(report({ passed: false, max_rel_error: 0.5, vectors: 1 }))
  expect(kind).toBe("bad")
  expect(title).toBe("Disagrees with ONNX Runtime 1.31.1")
  expect(detail).toBe("Off by 0.5 of a tensor's range on 1 input vector run on the emulator; the tolerance is 1e-5.")
})

it("holds integers to their definition, and says how far the float model is", () => {
  const said = verdict(report({ integers_exact: true, max_abs_error: 0.25 }))
  expect(said.title).toBe("Integers exactly as defined")
  expect(said.detail).toMatch(/^Outputs within 0\.25 of those of ONNX Runtime 1\.31\.1\. Checked layer by layer/)
  expect(verdict(report({ integers_exact: false, max_abs_error: 0 })).detail).toMatch(/^Outputs equal to those of/)
})

it("praises equality", () => expect(verdict(report({ bit_exact: true })).title).toContain("bit for bit"))

it("says what that means for the board that was chosen", () => {
  const on = (fits: boolean | null) => {
    const board = { name: "disco", title: "Disco", fits, flash_free: 2048, ram_free: 1024 } as Report["boards"][number]
    return verdict({ ...report({}), options: { board: "disco" }, boards: [board] }).detail
  }
  expect(on(true)).toMatch(/ Fits Disco, where 2 KiB of flash and 1 KiB of RAM stay free\.$/)
  expect(on(false)).toMatch(/ Too large for Disco\.$/)
  expect(on(null)).toMatch(/ Whether Disco has room is not known\.$/)
})
