/** Several targets and languages in one go: compared, matched with boards, read as assembly, taken home as packages. */
import { readFileSync } from "node:fs"
import { unzipSync } from "fflate"
import type { Page } from "playwright-core"
import { beforeAll, expect, inject, test } from "vitest"
import { GROUP_OPTIONS, newPage, PATIENCE_MS, submitGroup, useBrowser, verdict } from "./browser"

useBrowser()

let group = ""
let jobs: { id: string; target: string; emit: string }[] = []

beforeAll(async () => {
  const made = await submitGroup()
  group = made.group
  jobs = made.jobs
}, 4 * PATIENCE_MS)

const jobOf = (target: string, emit: string) => jobs.find((job) => job.target === target && job.emit === emit)!.id
const numbers = (page: Page, column: string) =>
  page.getByRole("table", { name: "Compilations of this group" }).evaluate((table: HTMLTableElement, name) => {
    const at = [...table.tHead!.rows[0]!.cells].findIndex((cell) => cell.textContent === name)
    return [...table.tBodies[0]!.rows].map((row) => row.cells[at]!.querySelector("[title]")!.getAttribute("title")!)
  }, column)

test("one click compiles for two targets in two languages, and compares them", async () => {
  const page = await newPage("/")
  await page.getByRole("button", { name: /Try this sample.*fully connected/ }).click()
  await page.getByText("Ready to compile.").waitFor({ timeout: PATIENCE_MS })
  await page.getByText(/^Estimate before compiling:/).waitFor()
  await page.getByText(/on \d+ of \d+ boards/).first().waitFor()
  for (const target of GROUP_OPTIONS.target.slice(1)) await page.getByRole("checkbox", { name: new RegExp(`\\b${target}\\b`) }).check()
  await page.getByRole("checkbox", { name: /^C\+\+/ }).check()
  await page.getByRole("textbox", { name: "Name" }).fill(GROUP_OPTIONS.name)
  await page.getByText("4 compilations: 2 targets × 2 languages").waitFor()
  await page.getByText("The same from a terminal").click()
  expect(await page.getByRole("region", { name: "Command line command" }).textContent()).toContain("for target in cortex-m33 cortex-m4; do for emit in c cpp; do")
  await page.getByRole("button", { name: "Compile", exact: true }).click()
  await page.waitForURL(/\/groups\/\w+/)

  await page.getByText("4 of 4 ended", { exact: true }).waitFor({ timeout: PATIENCE_MS })
  const table = page.getByRole("table", { name: "Compilations of this group" })
  expect(await table.locator("tbody tr").count()).toBe(4)
  expect(await table.getByText("Succeeded").count()).toBe(4)
  expect(await numbers(page, "Instructions")).toEqual(expect.arrayContaining([expect.stringMatching(/^[\d,]{6,}$/)]))

  // what is marked as best is the smallest
  await table.getByRole("button", { name: "Flash" }).click()
  await table.locator("th[aria-sort=ascending]").waitFor()
  const flash = (await numbers(page, "Flash")).map((text) => Number(text.replace(/\D/g, "")))
  expect(flash).toEqual([...flash].sort((a, b) => a - b))
  expect(await table.locator("tbody tr").first().getByText("best:").count()).toBeGreaterThan(0)

  await table.getByRole("link", { name: "cortex-m33, C++" }).click()
  await verdict(page).waitFor()
  await page.getByRole("link", { name: "Compare with its group" }).click()
  await page.waitForURL(/\/groups\/\w+/)
})

test("the history shows one group alone, and leads back to it", async () => {
  const page = await newPage(`/jobs?group=${group}`)
  await page.getByText("4 compilations found").waitFor()
  await page.getByRole("link", { name: "Compare them" }).click()
  await page.getByRole("table", { name: "Compilations of this group" }).waitFor()
  await page.goBack()
  await page.getByRole("button", { name: "Show all groups" }).click()
  await page.waitForURL(/\/jobs$/)
})

test("a group that does not exist says so", async () => {
  const page = await newPage(`/groups/${"0".repeat(26)}`)
  await page.getByRole("alert").getByText("There is no group of compilations with this name").waitFor()
})

test("the fit matrix says which boards have room, for one compilation and for the group", async () => {
  const page = await newPage(`/jobs/${jobOf("cortex-m4", "c")}?tab=boards`)
  const table = page.getByRole("table", { name: "Fit matrix" })
  await table.waitFor()
  const all = await table.locator("tbody tr").count()
  await page.getByRole("combobox", { name: "Fits" }).selectOption("yes")
  const fitting = await table.locator("tbody tr").count()
  expect(fitting).toBeGreaterThan(0)
  expect(fitting).toBeLessThan(all)
  expect(await table.getByText("too small").count()).toBe(0)
  await table.getByRole("button", { name: "Headroom" }).click()
  await table.locator("th[aria-sort=descending]").waitFor()
  await table.getByText("verified", { exact: true }).first().click()
  await table.getByText("clock", { exact: true }).first().waitFor()

  await page.goto(`/groups/${group}?view=boards`)
  const merged = page.getByRole("table", { name: "Fit matrix of the group" })
  await merged.waitFor()
  expect(await merged.locator("tbody tr").count()).toBeGreaterThan(all)
  expect(new Set(await merged.locator("tbody tr td:nth-child(2)").allTextContents())).toEqual(new Set(["cortex-m33", "cortex-m4"]))
  await page.getByRole("searchbox", { name: "Board" }).fill("no such board")
  await page.getByText(/^0 boards of \d+ shown/).waitFor()
})

test("a line of the source leads to its instructions and back, by mouse and keyboard", async () => {
  const page = await newPage(`/jobs/${jobOf("cortex-m4", "c")}?tab=layers`)
  await page.getByRole("button", { name: /^Assembly of/ }).first().click()
  const source = page.getByRole("listbox", { name: "Source" })
  const code = page.getByRole("listbox", { name: "Machine code" })
  await code.getByRole("option").nth(3).waitFor()

  await code.locator("[data-kind=code][data-tint]").first().click()
  expect(await source.locator("[data-linked]").count()).toBe(1)
  await page.getByRole("status").getByText(/^Line \d+: \d+ instructions?, [\d,]+ executed/).waitFor()

  await source.focus()
  const before = await source.getByRole("option", { selected: true }).textContent()
  await page.keyboard.press("ArrowDown")
  expect((await source.getByRole("option", { selected: true }).textContent()) === before).toBe(false)
  expect(await source.getAttribute("aria-activedescendant")).toBe(await source.getByRole("option", { selected: true }).getAttribute("id"))

  // only what is in sight is there
  await page.getByRole("combobox", { name: "Layer" }).selectOption("")
  const drawn = await code.getByRole("option").count()
  const all = Number(await code.getByRole("option").first().getAttribute("aria-setsize"))
  expect(drawn).toBeLessThan(all)
})

test("flash, RAM and instructions are shown by layer, and add up", async () => {
  const page = await newPage(`/jobs/${jobOf("cortex-m4", "cpp")}?tab=memory`)
  const map = page.getByRole("region", { name: "Symbol table" })
  await map.getByText(/^Flash, [\d,]+ bytes$/).waitFor()
  await map.getByRole("row").nth(2).hover()
  await page.getByText(/bytes, [\d.]+ %: weights/).waitFor()

  await page.getByRole("tab", { name: "Instructions" }).click()
  const mix = page.getByRole("region", { name: "Instruction mix" })
  const executed = await mix.locator("td.right[title]:nth-child(3)").evaluateAll((cells) => cells.map((cell) => Number(cell.getAttribute("title")!.replace(/\D/g, ""))))
  expect(executed.slice(0, -1).reduce((sum, count) => sum + count, 0)).toBe(executed.at(-1))
})

test("a package for a build system is downloaded", async () => {
  const page = await newPage(`/jobs/${jobOf("cortex-m4", "c")}`)
  await page.getByText(/^For a build system/).click()
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "CMake library" }).click()])
  expect(download.suggestedFilename()).toBe(`${GROUP_OPTIONS.name}-cmake.zip`)
  const names = Object.keys(unzipSync(readFileSync(await download.path())))
  expect(names.some((name) => name.endsWith("CMakeLists.txt"))).toBe(true)
})

test("a request with a target that does not exist names it, and makes nothing", async () => {
  const form = new FormData()
  form.set("sample", "linear")
  form.set("options", JSON.stringify({ target: ["cortex-m4", "z80"], name: "refused" }))
  const answer = await fetch(`${inject("url")}/api/v1/compilations`, { method: "POST", body: form })
  expect(answer.status).toBe(422)
  expect(((await answer.json()) as { facts: object }).facts).toHaveProperty("options.target=z80")
})
