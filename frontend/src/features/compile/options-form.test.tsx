import { screen } from "@testing-library/react"
import userEvent from "@testing-library/user-event"
import { useState } from "react"
import { beforeEach, expect, it } from "vitest"
import { OptionsForm } from "./options-form"
import type { Catalog, CompileOptions } from "@/api/types"
import { chosen, DEFAULT_OPTIONS } from "@/lib/options"
import { show } from "@/test-render"

const choice = (name: string) => ({ name, title: name.toUpperCase(), description: "" })
const catalog = {
  targets: [{ ...choice("cortex-m4"), flash: null, ram: null, emulator: null }],
  emitters: [choice("c")],
  precisions: [choice("float32")],
  optimize: ["balanced", "speed", "size", "ram"].map(choice),
} as unknown as Catalog

let options: CompileOptions
beforeEach(() => {
  options = DEFAULT_OPTIONS
})

function Form() {
  const [state, setState] = useState(DEFAULT_OPTIONS)
  const change = (next: CompileOptions) => {
    options = next
    setState(next)
  }
  return <OptionsForm options={state} onChange={change} catalog={catalog} />
}

it("starts with defaults that need no click", () => {
  show(<Form />)
  expect(chosen(options)).toEqual({ target: "cortex-m4" })
})

it("turns clicks into options", async () => {
  const user = userEvent.setup()
  show(<Form />)
  await user.click(screen.getByRole("radio", { name: "SIZE" }))
  await user.click(screen.getByText("Advanced"))
  await user.selectOptions(screen.getByRole("combobox", { name: "Working memory" }), "caller")
  await user.type(screen.getByRole("textbox", { name: "Flash, KiB" }), "256")
  await user.type(screen.getByRole("textbox", { name: "Latency, ms" }), "0.5")
  await user.click(screen.getByRole("switch", { name: "Run and validate on the emulator" }))
  expect(chosen(options)).toEqual({
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
  expect(options.budget).toEqual({})
})
