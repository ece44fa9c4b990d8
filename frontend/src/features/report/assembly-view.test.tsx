import { screen, within } from "@testing-library/react"
import userEvent from "@testing-library/user-event"
import { useState } from "react"
import { beforeEach, expect, it, vi } from "vitest"
import { AssemblyView } from "./assembly-view"
import type { Compilation, Report } from "@/api/types"
import { show } from "@/test-render"

const SOURCE = ["/* model */", "void conv(void) {", "  load();", "  store();", "}"].join("\n")
const LISTING = {
  disassembler: "objdump 2",
  lines: true,
  functions: [
    {
      name: "conv",
      layers: [0],
      source: { file: "src/model.c", first: 2, last: 5 },
      left_out: 0,
      instructions: [
        { offset: 0, text: "ldr r0, [r1]", line: 3, executed: 8, cycles: 16 },
        { offset: 2, text: "str r0, [r2]", line: 4, executed: 8, cycles: 8 },
        { offset: 4, text: "ldr r3, [r1, #4]", line: 3, executed: 1, cycles: 2 },
        { offset: 6, text: "bx lr", line: null, executed: 1, cycles: 1 },
      ],
    },
    { name: "tile", layers: [1], source: null, left_out: 3, instructions: [{ offset: 0, text: "nop", line: null, executed: 4, cycles: null }] },
  ],
}
let files: Record<string, string>

beforeEach(() => {
  files = {
    "manifest.json": JSON.stringify({ files: { "listing.json": { bytes: 9 }, "src/model.c": { bytes: 9 } } }),
    "listing.json": JSON.stringify(LISTING),
    "src/model.c": SOURCE,
  }
  vi.stubGlobal("fetch", (url: string) => Promise.resolve(new Response(files[url.split("/files/")[1]!])))
})

function View() {
  const [symbol, setSymbol] = useState<string>()
  const report = { layers: [{ name: "stem" }, { name: "head" }] } as Report
  return <AssemblyView job={{ id: "1", target: "cortex-m4" } as Compilation} report={report} symbol={symbol} onSymbol={setSymbol} />
}

const pane = async (name: string) => within(await screen.findByRole("listbox", { name }))
const linked = (list: HTMLElement) => [...list.querySelectorAll("[data-linked=true]")].map((row) => row.textContent)

it("links a line with its instructions, both ways", async () => {
  const user = userEvent.setup()
  show(<View />)
  const code = await pane("Machine code")
  await user.click(await screen.findByText("load();"))
  expect(linked(await screen.findByRole("listbox", { name: "Machine code" }))).toHaveLength(2)
  screen.getByText("Line 3: 2 instructions, 9 executed, 18 cycles")

  await user.click(code.getByText("str"))
  expect(linked(screen.getByRole("listbox", { name: "Source" }))).toEqual([expect.stringContaining("store();")])
})

it("shows one layer alone, or all with what they cost", async () => {
  const user = userEvent.setup()
  show(<View />)
  const code = await pane("Machine code")
  code.getByText("layer stem · conv")
  code.getByText("18 executed")
  code.getByText("… and 3 instructions more")
  await user.selectOptions(screen.getByRole("combobox", { name: "Layer" }), "tile")
  expect(code.queryByText("layer stem · conv")).toBeNull()
  code.getByText("nop")
  expect(screen.queryByRole("listbox", { name: "Source" })).toBeNull()
})

it("says so where there is no listing", async () => {
  files["manifest.json"] = JSON.stringify({ files: {} })
  show(<View />)
  await screen.findByText(/no listing of its machine code: no disassembler for cortex-m4/)
})
