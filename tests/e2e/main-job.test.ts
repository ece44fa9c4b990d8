/** The product's main job, from a model dropped in the browser to a zip that proves itself. */
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import { unzipSync } from "fflate"
import { expect, test } from "vitest"
import { compile, drop, MAIN_MODEL, newPage, PATIENCE_MS, useBrowser, verdict } from "./browser"

useBrowser()

test("a dropped model comes back compiled, proven and priced", async () => {
  const page = await newPage("/")
  await drop(page, MAIN_MODEL)
  await page.getByText("Ready to compile.").waitFor({ timeout: PATIENCE_MS })
  expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe(basename(MAIN_MODEL))
  expect(await page.getByRole("region", { name: "Operators" }).getByText("Gemm").count()).toBe(1)

  await page.getByRole("button", { name: "Compile", exact: true }).click()
  await page.waitForURL(/\/jobs\/\w+/)
  const stages = page.getByRole("list", { name: "Stages" })
  await stages.getByText("Read the model").waitFor()
  await stages.locator("[data-status=done]").first().waitFor({ timeout: PATIENCE_MS })
  expect(await page.title()).toContain(basename(MAIN_MODEL))

  await verdict(page).getByText(/^(Matches|Equal to) ONNX Runtime/).waitFor({ timeout: PATIENCE_MS })
  expect(await page.title()).toMatch(/^✓/)
  const totals = page.getByRole("region", { name: "Cost of one inference" })
  expect(await totals.textContent()).toMatch(/Flash.*[\d.]+ KiB.*RAM.*[\d.]+ KiB.*Instructions.*[\d.]+ [MkG]/)

  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Download the zip" }).click(),
  ])
  expect(download.suggestedFilename()).toMatch(/\.zip$/)
  expect(selfCheck(readFileSync(await download.path()))).toMatch(/pass|ok/i)
})

test("a sample compiles with two clicks", async () => {
  const page = await newPage("/")
  await page.getByRole("button", { name: /Try this sample.*fully connected/ }).click()
  await page.getByText("Ready to compile.").waitFor({ timeout: PATIENCE_MS })
  await page.getByRole("button", { name: "Compile", exact: true }).click()
  await verdict(page).getByText(/^(Matches|Equal to)/).waitFor({ timeout: PATIENCE_MS })
  await page.getByRole("link", { name: "History" }).click()
  await page.getByRole("link", { name: "linear.pth" }).first().waitFor()
})

test("the report shows layers, memory and source, each at its own address", async () => {
  const page = await newPage("/")
  const id = await compile(page, MAIN_MODEL)
  await verdict(page).waitFor({ timeout: PATIENCE_MS })

  const table = page.getByRole("table", { name: "Layers" })
  await table.getByRole("button", { name: "Instructions" }).click()
  await table.locator("th[aria-sort=descending]").waitFor()
  const counts = await table.locator("tbody tr td span[title]").evaluateAll((cells) => cells.length)
  expect(counts).toBeGreaterThan(0)

  await page.getByRole("tab", { name: "Memory" }).click()
  await page.getByRole("region", { name: "Tensor table" }).getByRole("row").nth(1).hover()
  await page.waitForURL(/tab=memory/)

  await page.goto(`/jobs/${id}?tab=layers`)
  await table.getByTitle("Show the source").first().click()
  const source = page.getByRole("region", { name: "src/model.c" })
  await source.locator("[data-target]").waitFor()
  await source.locator("code span").first().waitFor()
  expect(await source.locator("[data-target]").isVisible()).toBe(true)
})

test("the command line is offered with the options that were chosen", async () => {
  const page = await newPage("/")
  await drop(page, MAIN_MODEL)
  await page.getByRole("radio", { name: /^Speed/ }).check({ timeout: PATIENCE_MS })
  await page.getByText("The same from a terminal").click()
  const command = page.getByRole("region", { name: "Command line command" })
  expect(await command.textContent()).toBe(
    `deepmetal compile ${basename(MAIN_MODEL)} --target cortex-m4 --optimize speed -o ${basename(MAIN_MODEL).replace(/\.\w+$/, "")}-out`,
  )
})

/** Build the zip's own self-check with plain gcc, as its README says, and run it. */
function selfCheck(zip: Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), "deepmetal-zip-"))
  try {
    for (const [path, bytes] of Object.entries(unzipSync(zip))) {
      mkdirSync(join(folder, dirname(path)), { recursive: true })
      writeFileSync(join(folder, path), bytes)
    }
    const flags = ["-std=c99", "-O2", "-ffp-contract=off", "-Iinclude", "-Isrc"]
    execFileSync("gcc", [...flags, "src/model.c", "test/selfcheck.c", "-o", "selfcheck"], { cwd: folder })
    return execFileSync("./selfcheck", { cwd: folder, encoding: "utf8" })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
