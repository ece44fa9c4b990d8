// Types of the REST API from openapi.json. Refresh that from the server first, in the repository's root:
//   .venv/bin/python -m server.openapi > frontend/openapi.json
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

const ast = await openapiTS(requireAll(JSON.parse(readFileSync(at("openapi.json"), "utf8"))))
writeFileSync(at("src/api/schema.d.ts"), `// Generated from openapi.json by \`npm run api\`; do not edit.\n\n${astToString(ast)}`)
