import { screen, within } from "@testing-library/react"
import { expect, it, vi } from "vitest"
import { GroupTable } from "./group-table"
import type { Compilation } from "@/api/types"
import { show } from "@/test-render"

vi.mock("@tanstack/react-router", () => ({
  Link: ({ children, "aria-label": label }: { children: React.ReactNode; "aria-label"?: string }) => (
    <a href="/" aria-label={label}>
      {children}
    </a>
  ),
}))

const summary = { instructions: 1000, flash_total: 4096, ram_total: 100, arena: 90, stack: 10, macs: 5, max_abs_error: 1e-6, validation_passed: true, latency_ms: 2, cycles: 1500, cycles_error_percent: 12, clock_mhz: 120 }
const job = (part: object) => ({ id: "1", target: "cortex-m4", emit: "c", state: "succeeded", stage: "report", error: null, summary, ...part }) as Compilation

const row = (name: string) => within(screen.getByRole("link", { name }).closest("tr")!)

it("marks the best of each column, says how far the others are, and how far off cycles may be", () => {
  show(
    <GroupTable
      jobs={[
        job({}),
        job({ id: "2", emit: "llvm", summary: { ...summary, instructions: 1250, flash_total: 2048, cycles_error_percent: null } }),
      ]}
    />,
  )
  const c = row("cortex-m4, C")
  const llvm = row("cortex-m4, LLVM IR")
  expect(c.getAllByText("best:")).toHaveLength(1) // RAM, cycles and the others are equal
  expect(llvm.getAllByText("best:")).toHaveLength(1)
  llvm.getByText("+25 %")
  c.getByText("+100 %")
  c.getByText("± 12 %")
  llvm.getByText("uncalibrated")
  expect(c.getAllByText("at 120 MHz")).toHaveLength(1)
})

it("shows what runs and what failed beside what is there", () => {
  show(
    <GroupTable
      jobs={[
        job({}),
        job({ id: "2", target: "rv32imc", state: "running", stage: "emulate", summary: null }),
        job({ id: "3", target: "host", state: "failed", summary: null, error: { kind: "model", code: "E0501", title: "does not fit", where: "", facts: {}, help: "" } }),
      ]}
    />,
  )
  row("rv32imc, C").getByText("Run on the emulator")
  row("host, C").getByText("does not fit")
  expect(screen.queryByText("best:")).toBeNull() // of one there is no best
})
