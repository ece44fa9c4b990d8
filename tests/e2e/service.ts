/** One real `deepmetal serve` for all browser tests, on a free port, with a data folder that is thrown away. */
import { execFileSync, spawn } from "node:child_process"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { TestProject } from "vitest/node"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))
const START_MS = 90_000
const STOP_MS = 20_000

declare module "vitest" {
  interface ProvidedContext {
    url: string
    models: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (!existsSync(join(ROOT, "frontend/dist/index.html"))) throw new Error("the front end is not built: npm run build")
  const folder = mkdtempSync(join(tmpdir(), "deepmetal-e2e-"))
  execFileSync(join(ROOT, ".venv/bin/python"), [join(ROOT, "tests/e2e/models.py"), folder], { stdio: "inherit" })

  const serve = spawn(join(ROOT, ".venv/bin/deepmetal"), ["serve", "--port", "0", "--data-dir", join(folder, "data")], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  })
  let output = ""
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`deepmetal serve did not get ready:\n${output}`)), START_MS)
    const read = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-20_000)
      const ready = /ready: (http:\S+)/.exec(output)
      if (ready) {
        clearTimeout(timer)
        resolve(ready[1]!)
      }
    }
    serve.stdout.on("data", read)
    serve.stderr.on("data", read)
    serve.on("exit", (status) => {
      clearTimeout(timer)
      reject(new Error(`deepmetal serve ended with ${status}:\n${output}`))
    })
  })
  project.provide("url", url)
  project.provide("models", folder)

  return async () => {
    const ended = new Promise<void>((resolve) => serve.on("exit", () => resolve()))
    serve.kill("SIGINT")
    const timer = setTimeout(() => serve.kill("SIGKILL"), STOP_MS)
    if (serve.exitCode === null) await ended
    clearTimeout(timer)
    rmSync(folder, { recursive: true, force: true })
  }
}
