import { expect, it } from "vitest"
import { fieldsOf, numberProblem } from "./schema"
import document from "../../openapi.json"

const schema = document.components.schemas.CompileOptions

it("finds the options of the real compiler that a form can ask for", () => {
  const fields = Object.fromEntries(fieldsOf(schema, []).map((field) => [field.key, field]))
  expect(fields.opt_level).toMatchObject({ kind: "choice", title: "Optimisation level", fallback: "auto" })
  expect(fields.debug).toMatchObject({ kind: "switch", fallback: false })
  expect(fields.run).toMatchObject({ kind: "switch", fallback: true })
  expect(fields.threads).toMatchObject({ kind: "number", least: 1, most: 64, fallback: 1 })
  // dictionaries and free text have parts of the page of their own
  for (const key of ["shape", "budget", "name", "board"]) expect(fields[key]).toBeUndefined()
})

it("takes an option it has never heard of, and leaves out what is asked elsewhere", () => {
  const newer = { properties: { tile_size: { type: "integer", default: 8, minimum: 1, maximum: 16, description: "Rows." } } }
  expect(fieldsOf(newer, [])).toEqual([
    { key: "tile_size", title: "Tile size", description: "Rows.", kind: "number", least: 1, most: 16, fallback: 8 },
  ])
  expect(fieldsOf(newer, ["tile_size"])).toEqual([])
  expect(fieldsOf(undefined, [])).toEqual([])
})

it("says what is wrong with a number", () => {
  const range = { least: 1, most: 64 }
  expect(numberProblem("8", range)).toBeNull()
  for (const bad of ["", "0", "65", "1.5", "many"]) expect(numberProblem(bad, range)).toBe("A whole number from 1 to 64")
})
