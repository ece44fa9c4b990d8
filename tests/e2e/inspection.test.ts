/** Before compiling: the graph, the kernels, the layers of a file that holds weights alone, the table of operators. */
import type { Page } from "playwright-core"
import { expect, test } from "vitest"
import { drop, made, newPage, PATIENCE_MS, useBrowser } from "./browser"

useBrowser()

/** Generous, for two busy cores; without virtualisation the browser would need far more. */
const AT_ONCE_MS = 20_000

async function inspected(name: string): Promise<Page> {
  const page = await newPage("/")
  await drop(page, made(name))
  await page.getByText("Ready to compile.").waitFor({ timeout: PATIENCE_MS })
  return page
}

const node = (page: Page) => page.getByRole("region", { name: "Node", exact: true })

test("the graph shows attributes and tensors, before and after optimisation", async () => {
  const page = await inspected("four_blocks.onnx")
  await page.getByRole("button", { name: "Show the graph" }).click()
  await page.getByText("Before: 16").click()
  await page.locator(".react-flow__node").filter({ hasText: "block1/conv" }).click()
  expect(await node(page).textContent()).toMatch(/Conv.*pads.*1, 1, 1, 1.*Reads.*w1.*constant.*8×8×3×3/)
  await node(page).getByRole("button", { name: "its place after optimisation" }).click()
  await node(page).getByText("Made of").waitFor()
  expect(await node(page).textContent()).toMatch(/Conv2d\+Relu\+Add\+Sigmoid.*kernel.*tuned.*MACs/)
  await node(page).getByRole("button", { name: "block1/relu" }).click()
  await node(page).getByRole("heading", { name: "Relu" }).waitFor()
})

test("the graph is walked through by keyboard, and has a table twin", async () => {
  const page = await inspected("four_blocks.onnx")
  await page.getByRole("button", { name: "Show the graph" }).click()
  await page.getByText("Before: 16").click()
  const drawing = page.getByRole("application", { name: /^Graph/ })
  await drawing.focus()
  await page.keyboard.press("Home")
  await node(page).getByRole("heading", { name: "input" }).waitFor()
  await page.keyboard.press("ArrowDown")
  await node(page).getByRole("heading", { name: "Conv" }).waitFor()
  await page.keyboard.press("ArrowRight") // the skip of the block reads the same tensor
  await node(page).getByRole("heading", { name: "Add" }).waitFor()
  await page.getByText("Table", { exact: true }).click()
  const table = page.getByRole("region", { name: "Nodes" })
  expect(await table.getByRole("row").count()).toBe(1 + 16 + 2)
  await table.getByRole("button", { name: "block3/conv" }).click()
  await node(page).getByText("w3").waitFor()
})

test("a graph of 2,000 nodes opens, is searched and clicked, and draws only what is in sight", async () => {
  const page = await inspected("two_thousand.onnx")
  page.setDefaultTimeout(AT_ONCE_MS)
  await page.getByRole("button", { name: "Show the graph" }).click()
  await page.getByText("Before: 2,000").click()
  await page.locator(".react-flow__node").filter({ hasText: "block0/conv" }).waitFor()
  expect(await page.locator(".react-flow__node").count()).toBeLessThan(100)

  await page.getByRole("searchbox", { name: "Find nodes" }).fill("block250/conv")
  await page.getByText("1 node found").waitFor()
  await page.keyboard.press("Enter")
  await node(page).getByText("w250").waitFor()
  const found = page.locator(".react-flow__node").filter({ hasText: "block250/relu" })
  await found.click()
  await node(page).getByRole("heading", { name: "Relu" }).waitFor()
  expect(await page.locator(".react-flow__node").count()).toBeLessThan(100)
})

test("what runs on the chosen targets follows the choice", async () => {
  const page = await inspected("four_blocks.onnx")
  const panel = page.getByRole("region", { name: "On the chosen targets" })
  await panel.getByText(/^[1-9]\d* %$/).waitFor()
  await page.getByRole("checkbox", { name: /^Arm Cortex-M0\b(?!\+)/ }).check()
  await panel.getByRole("heading", { name: /Cortex-M0/ }).waitFor({ timeout: PATIENCE_MS })
  expect(await panel.getByText("0 %", { exact: true }).count()).toBe(1) // no floating-point unit, no tuned kernels
})

test("the node that is in the way is shown in the graph", async () => {
  const page = await newPage("/")
  await drop(page, made("unsupported.onnx"))
  await node(page).getByText("Cannot be compiled:").waitFor({ timeout: PATIENCE_MS })
  expect(await node(page).textContent()).toContain("StringNormalizer")
})

test("weights alone become a model once their layers are listed", async () => {
  const page = await newPage("/")
  await drop(page, made("weights.safetensors"))
  await page.getByText("This file holds weights alone.").waitFor({ timeout: PATIENCE_MS })
  const layers = page.getByRole("region", { name: "Layers of the model" })
  await page.getByText("Say first how the layers are connected.").waitFor()
  await layers.getByRole("button", { name: "ReLU", exact: true }).click()
  await layers.getByRole("button", { name: /to be chosen/ }).click()
  await layers.getByRole("combobox", { name: "Type" }).fill("Flatten")
  await layers.getByRole("textbox", { name: "Shape of the input" }).fill("1, 1, 8, 8")
  await layers.getByRole("button", { name: "Check these layers" }).click()
  await page.getByText("Ready to compile.").waitFor({ timeout: PATIENCE_MS })
  expect(await page.getByRole("button", { name: "Compile", exact: true }).isEnabled()).toBe(true)
})

test("a source is taken with the name of its class", async () => {
  const page = await newPage("/")
  await drop(page, made("weights.safetensors"))
  await page.getByText("model.py", { exact: true }).click({ timeout: PATIENCE_MS })
  await page.getByLabel("Python source").setInputFiles({ name: "net.py", mimeType: "text/x-python", buffer: Buffer.from("class Net: pass\n") })
  await page.getByText("Name the class in the source first.").waitFor()
  await page.getByRole("textbox", { name: "Class" }).fill("Net")
  await page.getByText("One compilation.").waitFor()
})

test("the table of operators is found, searched and sorted", async () => {
  const page = await newPage("/")
  await page.getByRole("link", { name: "Operators" }).click()
  const table = page.getByRole("table", { name: "Operators" })
  await table.getByRole("rowheader", { name: "Conv", exact: true }).waitFor()
  await page.getByRole("searchbox", { name: "Find operators" }).fill("simd128")
  await page.waitForURL(/find=simd128/)
  expect(await table.getByRole("rowheader").allTextContents()).toEqual(expect.arrayContaining(["Conv", "Gemm", "MaxPool"]))
  expect(await table.getByRole("rowheader", { name: "Relu", exact: true }).count()).toBe(0)
})
