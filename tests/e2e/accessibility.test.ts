/** Every page, light and wide, dark and narrow: axe finds nothing, and nothing scrolls sideways. */
import type { Page } from "playwright-core"
import { beforeAll, expect, inject, test } from "vitest"
import { accessibilityProblems, compile, drop, ended, MAIN_MODEL, made, newPage, overflow, PATIENCE_MS, submitGroup, useBrowser, verdict } from "./browser"

useBrowser()

let succeeded = ""
let failed = ""
let group = ""

/** Through the API: these tests are about how pages look, not about how one gets there. */
async function submit(options: object): Promise<string> {
  const { readFileSync } = await import("node:fs")
  const form = new FormData()
  form.set("model", new File([readFileSync(MAIN_MODEL)], "model.onnx"))
  form.set("options", JSON.stringify(options))
  const answer = await fetch(`${inject("url")}/api/v1/compilations`, { method: "POST", body: form })
  const { id } = (await answer.json()) as { id: string }
  return id
}

beforeAll(async () => {
  // a name of its own, so that no other test finds its result in the compile cache
  succeeded = await submit({ name: "shown" })
  failed = await submit({ name: "shown", budget: { flash: 1024 } })
  expect((await ended(succeeded)).state).toBe("succeeded")
  expect((await ended(failed)).state).toBe("failed")
  group = (await submitGroup()).group
}, 6 * PATIENCE_MS)

const dropped = (name: string, text: string) => async (page: Page) => {
  await drop(page, made(name))
  await page.getByText(text).first().waitFor({ timeout: PATIENCE_MS })
}

const tab = (name: string, ready: (page: Page) => Promise<unknown>) => ({ path: () => `/jobs/${succeeded}?tab=${name}`, ready })

const PAGES: Record<string, { path: () => string; ready: (page: Page) => Promise<unknown> }> = {
  "new compile": { path: () => "/", ready: (page) => page.getByRole("button", { name: /Try this sample/ }).first().waitFor() },
  "preview with unsupported operators": { path: () => "/", ready: dropped("unsupported.onnx", "Not supported") },
  "preview with a shape question": {
    path: () => "/",
    ready: async (page) => {
      await dropped("open_shape.onnx", "One question:")(page)
      await page.getByText("Advanced").click()
      await page.getByText("The same from a terminal").click()
    },
  },
  "graph of a model": {
    path: () => "/",
    ready: async (page) => {
      await dropped("four_blocks.onnx", "Ready to compile.")(page)
      await page.getByRole("button", { name: "Show the graph" }).click()
      await page.locator(".react-flow__node").first().click()
      await page.getByText("Layers after optimisation").click()
    },
  },
  "graph as a table": {
    path: () => "/",
    ready: async (page) => {
      await dropped("four_blocks.onnx", "Ready to compile.")(page)
      await page.getByRole("button", { name: "Show the graph" }).click()
      await page.getByText("Table", { exact: true }).click()
      await page.getByRole("region", { name: "Nodes" }).waitFor()
    },
  },
  "list of layers": { path: () => "/", ready: dropped("weights.safetensors", "This file holds weights alone.") },
  "source of a model": {
    path: () => "/",
    ready: async (page) => {
      await dropped("weights.safetensors", "This file holds weights alone.")(page)
      await page.getByText("model.py", { exact: true }).click()
      await page.getByRole("textbox", { name: "Class" }).waitFor()
    },
  },
  operators: { path: () => "/operators", ready: (page) => page.getByRole("table", { name: "Operators" }).waitFor() },
  "refused file": { path: () => "/", ready: dropped("garbage.onnx", "What to do:") },
  history: { path: () => "/jobs", ready: (page) => page.getByRole("table").waitFor() },
  "empty history": { path: () => "/jobs?model=nothing-of-this-name", ready: (page) => page.getByText("Nothing matches").waitFor() },
  "failed compilation": { path: () => `/jobs/${failed}`, ready: (page) => page.getByRole("alert").waitFor() },
  "board picker": {
    path: () => "/",
    ready: async (page) => {
      await page.getByRole("button", { name: /Try this sample/ }).first().click()
      await page.getByText("Compile for a board").click({ timeout: PATIENCE_MS })
      await page.getByRole("radio", { name: /NUCLEO/ }).first().waitFor()
    },
  },
  "group, costs": { path: () => `/groups/${group}`, ready: (page) => page.getByText("best:").first().waitFor({ state: "attached" }) },
  "group, boards": { path: () => `/groups/${group}?view=boards`, ready: (page) => page.getByRole("table", { name: "Fit matrix of the group" }).waitFor() },
  boards: tab("boards", async (page) => {
    await page.getByRole("table", { name: "Fit matrix" }).getByText("verified", { exact: true }).first().click()
  }),
  mix: tab("mix", (page) => page.getByRole("region", { name: "Instruction mix" }).waitFor()),
  assembly: tab("assembly", async (page) => {
    await page.getByRole("combobox", { name: "Layer" }).selectOption({ index: 2 })
    await page.getByRole("listbox", { name: "Machine code" }).locator("[data-kind=code]").first().click()
  }),
  "graph of a compilation": tab("graph", (page) => page.locator(".react-flow__node").first().waitFor({ timeout: PATIENCE_MS })),
  layers: tab("layers", (page) => page.getByRole("table", { name: "Layers" }).waitFor()),
  memory: tab("memory", (page) => page.getByRole("region", { name: "Tensor table" }).waitFor()),
  validation: tab("validation", (page) => page.getByRole("region", { name: "Validation" }).waitFor()),
  passes: tab("passes", (page) => page.getByRole("region", { name: "Passes" }).waitFor()),
  // a short file: axe looks at every coloured word, and they are alike in all files
  source: tab("source&file=include/shown.h", (page) => page.locator("code span").first().waitFor()),
  build: tab("build", (page) => page.getByRole("region", { name: "Tools" }).waitFor()),
  log: tab("log", (page) => page.getByRole("list", { name: "Stages" }).locator("[data-status=done]").first().waitFor()),
  downloads: tab("layers", async (page) => {
    await page.getByText(/Single files/).click()
    await page.getByText("Copy as CLI or curl").click()
    await page.getByRole("link", { name: "manifest.json" }).waitFor()
  }),
  "error code": { path: () => "/errors/E0201", ready: (page) => page.getByRole("article").waitFor() },
  "unknown address": { path: () => "/no/such/page", ready: (page) => page.getByRole("alert").waitFor() },
  "unknown compilation": { path: () => "/jobs/00000000000000000000000000", ready: (page) => page.getByRole("alert").waitFor() },
}

test.each(Object.keys(PAGES))("%s", async (name) => {
  const { path, ready } = PAGES[name]!
  for (const [colorScheme, width] of [["light", 1280], ["dark", 360]] as const) {
    const page = await newPage(path(), { colorScheme, viewport: { width, height: 800 }, reducedMotion: "reduce" })
    await ready(page)
    expect(await accessibilityProblems(page), `${name}, ${colorScheme}, ${width} px`).toEqual([])
    expect(await overflow(page), `${name} scrolls sideways at ${width} px`).toBeLessThanOrEqual(0)
  }
})

test.each([
  ["light", 1280],
  ["dark", 360],
] as const)("a running compilation, %s, %i px", async (colorScheme, width) => {
  const page = await newPage("/", { colorScheme, viewport: { width, height: 800 }, reducedMotion: "reduce" })
  await compile(page, made("slow.onnx"))
  await page.getByRole("list", { name: "Stages" }).locator("[data-status=running]").waitFor({ timeout: PATIENCE_MS })
  expect(await accessibilityProblems(page)).toEqual([])
  expect(await overflow(page)).toBeLessThanOrEqual(0)
  await page.getByRole("button", { name: "Cancel" }).click()
  await page.getByText("Cancelled", { exact: true }).first().waitFor()
})

test("every page is reached and left by keyboard alone", async () => {
  const page = await newPage("/")
  await page.getByRole("button", { name: "Choose a file" }).waitFor()
  await page.keyboard.press("Tab")
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to content")
  await page.keyboard.press("Enter")
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("content")
  await page.keyboard.press("Tab")
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Choose a file")

  await page.goto(`/jobs/${succeeded}`)
  await verdict(page).waitFor()
  await page.getByRole("tab", { name: "Layers" }).focus()
  await page.keyboard.press("ArrowRight") // Graph
  await page.keyboard.press("ArrowRight")
  await page.getByRole("region", { name: "Instruction mix" }).waitFor()
})

test("the colour scheme is kept", async () => {
  const page = await newPage("/", { colorScheme: "light" })
  const scheme = () => page.evaluate(() => document.documentElement.getAttribute("data-mantine-color-scheme"))
  const toggle = page.getByRole("button", { name: /^Colours:/ })
  await toggle.click()
  await toggle.click()
  expect(await scheme()).toBe("dark")
  await page.reload()
  expect(await scheme()).toBe("dark")
})
