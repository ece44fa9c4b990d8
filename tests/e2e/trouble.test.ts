/** What a person sees when something does not work, and how they stop what takes too long. */
import { expect, test } from "vitest"
import { compile, drop, made, newPage, PATIENCE_MS, useBrowser, MAIN_MODEL } from "./browser"

useBrowser()

test("a file that is no model is refused with a code and a way out", async () => {
  const page = await newPage("/")
  await drop(page, made("garbage.onnx"))
  const alert = page.getByRole("alert")
  await alert.waitFor({ timeout: PATIENCE_MS })
  expect(await alert.textContent()).toMatch(/E01\d\d.*What to do:/)
  await alert.getByRole("link", { name: /What E01\d\d means/ }).click()
  await page.getByText(/What to do/).waitFor()
})

test("unsupported operators are listed before anything is compiled", async () => {
  const page = await newPage("/")
  await drop(page, made("unsupported.onnx"))
  const list = page.getByRole("region", { name: "Not supported" })
  await list.waitFor({ timeout: PATIENCE_MS })
  expect(await list.textContent()).toMatch(/E02\d\d StringNormalizer.*head\/names.*What to do:/)
  const button = page.getByRole("button", { name: "Compile", exact: true })
  expect(await button.isDisabled()).toBe(true)
})

test("an open shape is asked for, with a proposal, and answered once", async () => {
  const page = await newPage("/")
  await drop(page, made("open_shape.onnx"))
  await page.getByText("One question:").waitFor({ timeout: PATIENCE_MS })
  const field = page.getByRole("textbox", { name: "x" })
  await field.fill("1, 3, 16")
  await page.getByText("This input has 4 dimensions, not 3").waitFor()
  await field.fill("1, 3, 16, 16")
  await page.getByRole("button", { name: "Check this shape" }).click()
  await page.getByText("27.6 k").first().waitFor({ timeout: PATIENCE_MS }) // MACs, known once the shape is
  await page.getByRole("button", { name: "Compile", exact: true }).click()
  await page.getByRole("region", { name: "Verdict" }).waitFor({ timeout: PATIENCE_MS })
})

test("a compilation that fails says why, where and what to do", async () => {
  const page = await newPage("/")
  await drop(page, MAIN_MODEL)
  await page.getByText("Ready to compile.").waitFor({ timeout: PATIENCE_MS })
  await page.getByText("Advanced").click()
  await page.getByRole("textbox", { name: "Flash, KiB" }).fill("1")
  await page.getByRole("button", { name: "Compile", exact: true }).click()
  const alert = page.getByRole("alert")
  await alert.waitFor({ timeout: PATIENCE_MS })
  expect(await alert.textContent()).toMatch(/E05\d\d.*flash/is)
  expect(await alert.textContent()).toContain("What to do:")
  expect(await page.title()).toMatch(/^✕/)
})

test("a running compilation survives a reload and can be cancelled", async () => {
  const page = await newPage("/")
  await compile(page, made("slow.onnx"))
  const stages = page.getByRole("list", { name: "Stages" })
  await stages.locator("[data-status=done]").first().waitFor({ timeout: PATIENCE_MS })

  await page.reload()
  await stages.locator("[data-status=done]").first().waitFor()
  expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("slow.onnx")

  await page.getByRole("button", { name: "Cancel" }).click()
  await page.getByText("Cancelled", { exact: true }).first().waitFor()
  expect(await page.title()).toMatch(/^Cancelled/)
})

test("an ended compilation is deleted only after a second word", async () => {
  const page = await newPage("/")
  const id = await compile(page, made("slow.onnx"))
  await page.getByRole("button", { name: "Cancel" }).click()
  await page.getByRole("button", { name: "Delete", exact: true }).click()
  await page.getByRole("button", { name: "Keep it" }).click()
  await page.getByRole("button", { name: "Delete", exact: true }).click()
  await page.getByRole("button", { name: "Delete it" }).click()
  await page.waitForURL(/\/jobs$/)
  await page.goto(`/jobs/${id}`)
  await page.getByRole("alert").getByText(/E0901/).waitFor()
})

test("the history is filtered by state and name, in the address", async () => {
  const page = await newPage("/")
  await compile(page, made("slow.onnx"))
  await page.getByRole("button", { name: "Cancel" }).click()
  await page.getByText("Cancelled", { exact: true }).first().waitFor()

  await page.goto("/jobs?state=cancelled")
  await page.getByRole("link", { name: "slow.onnx" }).first().waitFor()
  await page.getByRole("searchbox", { name: "Model" }).fill("no such model")
  await page.getByText("Nothing matches these filters").waitFor()
  await page.getByRole("link", { name: "Clear the filters" }).click()
  await page.waitForURL(/\/jobs$/)
})
