import { expect, it } from "vitest"
import { familyOf, rank, whereItRuns } from "./targets"
import type { Target } from "@/api/types"

const target = (part: Partial<Target>) => ({ family: "", runs_on: "", runnable: true, buildable: true, ...part }) as Target

it("puts processors with an operating system into one family", () => {
  expect(familyOf(target({ family: "x86-64" }))).toBe(familyOf(target({ family: "AArch64" })))
  expect(familyOf(target({ family: "Xtensa" }))).toBe("Xtensa")
})

it("begins with microcontrollers, and ends with this computer", () => {
  const families = ["This computer", "Xtensa", "Application processors", "Arm Cortex-M", "RISC-V"]
  expect(families.sort((a, b) => rank(a) - rank(b))).toEqual(["Arm Cortex-M", "RISC-V", "Application processors", "Xtensa", "This computer"])
})

it.each([
  [{ runs_on: "qemu-system-arm -M mps2-an386" }, "QEMU mps2-an386"],
  [{ runs_on: "qemu-x86_64 -cpu max" }, "QEMU max"],
  [{ runs_on: "this computer" }, "this computer"],
  [{ runs_on: "not run: no emulator", runnable: false }, "built, not run"],
  [{ buildable: false }, "cannot be built here"],
])("%j runs on: %s", (part, text) => expect(whereItRuns(target(part))).toBe(text))
