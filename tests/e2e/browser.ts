/** A real Chromium, and what a person does with it. */
import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core"
import { afterAll, afterEach, beforeAll, expect, inject } from "vitest"

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
]
/** Two cores shared with a compiler and an emulator: patience, but not without end. */
export const PATIENCE_MS = 120_000

const ROOT = fileURLToPath(new URL("../..", import.meta.url))
const AXE = readFileSync(createRequire(join(ROOT, "frontend/package.json")).resolve("axe-core/axe.min.js"), "utf8")

/** The keyword-spotting model when the shared models are there, else a sample of our own. */
export const KWS = join(ROOT, "../shared/models/kws_float.onnx")
export const MAIN_MODEL = existsSync(KWS) ? KWS : join(ROOT, "compiler/samples/data/linear.pth")

export const made = (name: string): string => join(inject("models"), name)

let browser: Browser
const open: Page[] = []
const faults: string[] = []

export function useBrowser(): void {
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS })
  })
  afterEach(async () => {
    for (const page of open.splice(0)) await page.context().close()
    expect(faults.splice(0)).toEqual([])
  })
  afterAll(() => browser.close())
}

/** A page of its own; the test fails when a script of it fails or breaks the content security policy. */
export async function newPage(path: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ baseURL: inject("url"), viewport: { width: 1280, height: 900 }, acceptDownloads: true, ...options })
  context.setDefaultTimeout(30_000)
  const page = await context.newPage()
  page.on("pageerror", (error) => faults.push(`the page threw: ${error.message}`))
  page.on("console", (message) => {
    if (/Content Security Policy|Refused to/.test(message.text())) faults.push(message.text())
  })
  open.push(page)
  await page.goto(path)
  return page
}

/** Drop a file on the window, as the file manager would. */
export async function drop(page: Page, path: string): Promise<void> {
  const transfer = await page.evaluateHandle(
    ([name, base64]) => {
      const bytes = Uint8Array.from(atob(base64!), (letter) => letter.charCodeAt(0))
      const data = new DataTransfer()
      data.items.add(new File([bytes], name!))
      return data
    },
    [basename(path), readFileSync(path).toString("base64")],
  )
  const target = page.locator("main")
  await target.dispatchEvent("dragenter", { dataTransfer: transfer })
  await page.getByText("Drop the model to look into it").waitFor()
  await target.dispatchEvent("drop", { dataTransfer: transfer })
}

/** Drop a model, wait for its preview, compile it; returns the id of the compilation. */
export async function compile(page: Page, path: string): Promise<string> {
  await drop(page, path)
  const button = page.getByRole("button", { name: "Compile", exact: true })
  await button.waitFor({ timeout: PATIENCE_MS })
  await button.click()
  await page.waitForURL(/\/jobs\/\w+/)
  return idOf(page)
}

export function idOf(page: Page): string {
  return new URL(page.url()).pathname.split("/")[2]!
}

export const verdict = (page: Page) => page.getByRole("region", { name: "Verdict" })

/** What axe finds, as lines to read; nothing is the aim. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run: () => Promise<{ violations: { id: string; help: string; nodes: { html: string }[] }[] }> }
    }
    const { violations } = await axe.run()
    return violations.map(({ id, help, nodes }) => `${id}: ${help}, ${nodes.length} times, such as ${nodes[0]?.html}`)
  })
}

/** How far the page reaches beyond the window, in pixels. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
}

/** A group that several tests look at; made once, after that it comes from the compile cache. */
export const GROUP_OPTIONS = { target: ["cortex-m4", "cortex-m33"], emit: ["c", "cpp"], name: "several" }

interface Made {
  group: string
  jobs: { id: string; target: string; emit: string }[]
}

/** Through the API, and only once all of it has succeeded. */
export async function submitGroup(): Promise<Made> {
  const form = new FormData()
  form.set("sample", "linear")
  form.set("options", JSON.stringify(GROUP_OPTIONS))
  const answer = await fetch(`${inject("url")}/api/v1/compilations`, { method: "POST", body: form })
  const { group, compilations } = (await answer.json()) as { group: string; compilations: Made["jobs"] }
  for (const { id } of compilations) {
    const { state, error } = await ended(id)
    expect({ state, error }).toEqual({ state: "succeeded", error: null })
  }
  return { group, jobs: compilations }
}

interface Ended {
  state: string
  error: object | null
}

/** A compilation that runs no more. */
export async function ended(id: string): Promise<Ended> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
    const answer = await fetch(`${inject("url")}/api/v1/compilations/${id}`)
    const job = (await answer.json()) as Ended
    if (job.state !== "queued" && job.state !== "running") return job
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  throw new Error(`compilation ${id} did not end`)
}
