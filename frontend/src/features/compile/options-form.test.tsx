import { screen } from "@testing-library/react"
import userEvent from "@testing-library/user-event"
import { useState } from "react"
import { beforeEach, expect, it } from "vitest"
import { OptionsForm } from "./options-form"
import schemas from "../../../openapi.json"
import type { Catalog, Inspection } from "@/api/types"
import { type Beside, NO_FILES } from "@/lib/beside"
import type { Needs } from "@/lib/estimate"
import { contentOf } from "@/lib/pack-files"
import { DEFAULT_PLAN, type Plan, requestOf } from "@/lib/plan"
import { show } from "@/test-render"

const choice = (name: string) => ({ name, title: name.toUpperCase(), description: "" })
const target = (name: string, family: string) => ({ ...choice(name), family, runs_on: "", runnable: true, buildable: true, flash: null, ram: null })
const catalog = {
  targets: [target("cortex-m0", "Arm"), target("cortex-m4", "Arm"), target("rv32imc", "RISC-V")],
  boards: [
    { name: "disco", title: "Disco board", vendor: "ST", target: "cortex-m4", clock_mhz: 80, flash: 1000, ram: 100, ram_largest: 100, verified: true },
    { name: "tiny", title: "Tiny board", vendor: "ACME", target: "cortex-m4", clock_mhz: 8, flash: 10, ram: 10, ram_largest: 10, verified: false },
  ],
  packs: [{ name: "arduino", title: "Arduino library", description: "", targets: { c: ["cortex-m4"], cpp: ["cortex-m4"] } }],
  emitters: ["c", "cpp", "llvm"].map(choice),
  precisions: ["float32", "int8", "int8-weights"].map(choice),
  optimize: ["balanced", "speed", "size", "ram"].map(choice),
  options: schemas.components.schemas.CompileOptions,
} as unknown as Catalog

let plan: Plan
beforeEach(() => {
  plan = DEFAULT_PLAN
})

const float = { sha256: "0", compilable: false, quantised: "", support: [], no_estimate: "" } as unknown as Inspection
let files: Beside = NO_FILES

function Form({ needs = null, inspection = float }: { needs?: Needs | null; inspection?: Inspection }) {
  const [state, setState] = useState(DEFAULT_PLAN)
  const [beside, setBeside] = useState(NO_FILES)
  const change = (next: Plan) => {
    plan = next
    setState(next)
  }
  return (
    <OptionsForm
      plan={state}
      onChange={change}
      inspection={inspection}
      files={beside}
      onFiles={(next) => {
        files = next
        setBeside(next)
      }}
      catalog={catalog}
      needs={needs}
      noEstimate=""
    />
  )
}

it("starts with defaults that need no click", () => {
  show(<Form />)
  expect(requestOf(plan)).toEqual({ target: "cortex-m4" })
})

it("turns clicks into options", async () => {
  const user = userEvent.setup()
  show(<Form />)
  await user.click(screen.getByRole("radio", { name: "SIZE" }))
  await user.click(screen.getByText("Advanced"))
  await user.selectOptions(screen.getByRole("combobox", { name: "Working memory" }), "caller")
  await user.type(screen.getByRole("textbox", { name: "Flash, KiB" }), "256")
  await user.type(screen.getByRole("textbox", { name: "Latency, ms" }), "0.5")
  await user.click(screen.getByRole("switch", { name: /^Run and validate on the emulator/ }))
  expect(requestOf(plan)).toEqual({
    target: "cortex-m4",
    optimize: "size",
    arena: "caller",
    budget: { flash: 262144, latency: 0.5 },
    run: false,
  })
})

it("says what is wrong with a name or a budget, and takes no wrong budget", async () => {
  const user = userEvent.setup()
  show(<Form />)
  const name = screen.getByRole("textbox", { name: "Name" })
  await user.clear(name)
  await user.type(name, "9lives")
  screen.getByText(/lower-case C identifier/)
  await user.click(screen.getByText("Advanced"))
  await user.type(screen.getByRole("textbox", { name: "RAM, KiB" }), "-3")
  screen.getByText("A positive number")
  expect(plan.budget).toEqual({})
})

it("takes several targets and languages, in the order of the catalogue", async () => {
  const user = userEvent.setup()
  show(<Form />)
  await user.click(screen.getByRole("checkbox", { name: /RV32IMC/ }))
  await user.click(screen.getByRole("button", { name: "Choose all of Arm" }))
  await user.click(screen.getByRole("checkbox", { name: /LLVM/ }))
  expect(requestOf(plan)).toEqual({ target: ["cortex-m0", "cortex-m4", "rv32imc"], emit: ["c", "llvm"] })
  await user.click(screen.getByRole("button", { name: "Choose none of Arm" }))
  await user.click(screen.getByRole("checkbox", { name: "C" }))
  expect(requestOf(plan)).toEqual({ target: "rv32imc", emit: "llvm" })
})

it("finds a board, which brings its target, and leaves it again", async () => {
  const user = userEvent.setup()
  show(<Form />)
  await user.click(screen.getByText("Compile for a board"))
  await user.type(screen.getByRole("searchbox", { name: "Find a board" }), "disco st")
  expect(screen.queryByText("Tiny board")).toBeNull()
  await user.click(screen.getByRole("radio", { name: /Disco board/ }))
  expect(requestOf(plan)).toEqual({ target: "cortex-m4", board: "disco" })
  expect(screen.queryByRole("checkbox", { name: /CORTEX-M0/ })).toBeNull()
  await user.click(screen.getByRole("button", { name: "Choose targets instead" }))
  expect(requestOf(plan)).toEqual({ target: "cortex-m4" })
})

it("says before compiling how many boards have room", () => {
  show(<Form needs={{ weights: 500, arena: 50 }} />)
  screen.getByText("room on 1 of 2 boards")
  screen.getByText(/500 B of flash, and the code comes on top/)
})

it("asks for what the compiler's schema describes", async () => {
  const user = userEvent.setup()
  show(<Form />)
  await user.click(screen.getByText("Advanced"))
  await user.selectOptions(screen.getByRole("combobox", { name: "Optimisation level" }), "3")
  const threads = screen.getByRole("textbox", { name: "Threads" })
  await user.clear(threads)
  await user.type(threads, "4")
  await user.selectOptions(screen.getByRole("combobox", { name: "Package for a build system" }), "arduino")
  expect(requestOf(plan)).toEqual({ target: "cortex-m4", opt_level: "3", threads: 4, pack: "arduino" })
  await user.click(screen.getByRole("checkbox", { name: /LLVM/ }))
  screen.getByText("Not there for all of the targets and languages")
  await user.type(threads, "00")
  screen.getByText("A whole number from 1 to 64")
  expect(plan.threads).toBe(1)
})

it("takes precisions beside each other, and asks for calibration data once there are integers", async () => {
  const user = userEvent.setup()
  show(<Form />)
  expect(screen.queryByText("Quantisation")).toBeNull()
  await user.click(screen.getByRole("checkbox", { name: "INT8" }))
  expect(requestOf(plan)).toEqual({ target: "cortex-m4", precision: ["float32", "int8"] })
  screen.getByText("No calibration data.")
  await user.upload(screen.getByLabelText("Calibration data, file"), new File(["x"], "digits.npz"))
  await screen.findByText(/digits\.npz/)
  expect(screen.queryByText("No calibration data.")).toBeNull()
  expect(files.calibration?.name).toBe("digits.npz")
  await user.click(screen.getByRole("button", { name: "Take away: calibration data" }))
  screen.getByText("No calibration data.")
  await user.click(screen.getByRole("checkbox", { name: "INT8" }))
  await user.click(screen.getByRole("checkbox", { name: "INT8-WEIGHTS" }))
  expect(screen.queryByText("No calibration data.")).toBeNull() // weights alone need none
})

it("packs several pictures into one file, and asks how they become numbers", async () => {
  const user = userEvent.setup()
  show(<Form />)
  await user.click(screen.getByRole("checkbox", { name: "INT8" }))
  const pictures = ["b.png", "a.png"].map((name) => new File([name], name))
  await user.upload(screen.getByLabelText("Calibration data, file"), pictures)
  await screen.findByText(/calibration-data\.zip.*2 files/)
  const { unzipSync, strFromU8 } = await import("fflate")
  const inside = unzipSync(await contentOf(files.calibration!))
  expect(Object.entries(inside).map(([name, content]) => [name, strFromU8(content)])).toEqual([
    ["a.png", "a.png"],
    ["b.png", "b.png"],
  ])
  await user.type(screen.getByRole("textbox", { name: "Scale" }), "1/255")
  await user.selectOptions(screen.getByRole("combobox", { name: "Colours" }), "gray")
  expect(plan.preprocess).toBe("scale=1/255,color=gray")
})

it("says of a quantised model what it is, and offers the rounding alone", async () => {
  const user = userEvent.setup()
  show(<Form inspection={{ ...float, quantised: "int8" }} />)
  screen.getByText("This model is int8.")
  expect(screen.queryByRole("checkbox", { name: "INT8" })).toBeNull()
  await user.click(screen.getByRole("radio", { name: /^Double/ }))
  expect(requestOf(plan)).toEqual({ target: "cortex-m4", rounding: "double" })
})
