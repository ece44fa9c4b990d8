// The promise about page weight: what the first page loads before it can react, and each lazy route, gzipped.
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"

const ENTRY_LIMIT = 190_000
const ROUTE_LIMIT = 250_000

const dist = fileURLToPath(new URL("../dist/", import.meta.url))
const manifest = JSON.parse(readFileSync(`${dist}.vite/manifest.json`, "utf8"))
const gzipped = (file) => gzipSync(readFileSync(dist + file)).length

/** The file of a chunk and of all it imports statically. */
function files(key, seen = new Set()) {
  const chunk = manifest[key]
  if (seen.has(chunk.file)) return seen
  seen.add(chunk.file)
  for (const next of chunk.imports ?? []) files(next, seen)
  return seen
}

const sum = (set) => [...set].reduce((total, file) => total + gzipped(file), 0)
const entry = files("index.html")
const rows = [["entry", sum(entry), ENTRY_LIMIT]]
for (const [key, chunk] of Object.entries(manifest)) {
  if (!chunk.isDynamicEntry) continue
  const own = new Set([...files(key)].filter((file) => !entry.has(file)))
  rows.push([chunk.name ?? key, sum(own), ROUTE_LIMIT])
}

let failed = false
for (const [name, bytes, limit] of rows) {
  const over = bytes > limit
  failed ||= over
  console.log(`${over ? "TOO BIG " : "        "}${name.padEnd(28)} ${(bytes / 1000).toFixed(1).padStart(7)} kB gz of ${limit / 1000}`)
}
if (failed) process.exit(1)
