// Types of the REST API and of the compiler's options, from openapi.json and options.openapi.json.
// Refresh those two from the Python side first:  .venv/bin/python frontend/scripts/schemas.py
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import openapiTS, { astToString } from "openapi-typescript"

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** Answers always carry all of their fields, those with a default too; only forms (Body_...) may leave some out. */
function requireAll(document) {
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    if (schema.properties && !name.startsWith("Body_")) schema.required = Object.keys(schema.properties)
  }
  return document
}

for (const [source, target] of [
  ["openapi.json", "src/api/schema.d.ts"],
  ["options.openapi.json", "src/api/options.d.ts"],
]) {
  const ast = await openapiTS(requireAll(JSON.parse(readFileSync(at(source), "utf8"))))
  writeFileSync(at(target), `// Generated from ${source} by \`npm run api\`; do not edit.\n\n${astToString(ast)}`)
  console.log(`${source} -> ${target}`)
}
