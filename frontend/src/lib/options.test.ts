import { describe, expect, it } from "vitest"
import schemas from "../../openapi.json"
import { chosen, cliText, curlText, DEFAULT_OPTIONS, outputFolder, shellQuote } from "./options"

it("has the server's defaults", () => {
  const { properties } = schemas.components.schemas.CompileOptions
  // only dictionaries have no default in the schema: theirs is the empty one
  const defaults = Object.fromEntries(
    Object.entries(properties).map(([key, property]) => [key, "default" in property ? property.default : {}]),
  )
  expect(DEFAULT_OPTIONS).toEqual(defaults)
})

describe("cliText", () => {
  const cli = (options: Partial<typeof DEFAULT_OPTIONS>, model = "kws.onnx") => cliText(model, { ...DEFAULT_OPTIONS, ...options })

  it("names the target and leaves defaults out", () => {
    expect(cli({})).toBe("deepmetal compile kws.onnx --target cortex-m4 -o kws-out")
  })

  it("spells every kind of option", () => {
    expect(
      cli({
        optimize: "speed",
        name: "kws",
        io_layout: "native",
        shape: { input: [1, 1, 28, 28] },
        budget: { flash: 262144, ram: 65000, latency: 20 },
        softmax: true,
        run: false,
        debug: true,
        threads: 4,
      }),
    ).toBe(
      "deepmetal compile kws.onnx --target cortex-m4 --optimize speed --name kws --shape input=1,1,28,28 " +
        "--io-layout native --debug --threads 4 --budget flash=256KiB,ram=65000,latency=20ms --softmax --no-run -o kws-out",
    )
  })

  it("quotes what a shell would break", () => {
    expect(cli({}, "my model's.onnx")).toContain(`'my model'\\''s.onnx'`)
  })

  it("needs no name for a model's only input", () => {
    expect(cli({ shape: { "": [1, 3, 32, 32] } })).toContain("--shape 1,3,32,32 ")
  })
})

it("quotes for the shell", () => {
  expect(shellQuote("a=b,c.d")).toBe("a=b,c.d")
  expect(shellQuote("$(reboot)")).toBe("'$(reboot)'")
})

it("never makes a folder name that is a flag or hidden", () => {
  expect(outputFolder("-rf.onnx")).toBe("out")
  expect(outputFolder("net v2.onnx")).toBe("net_v2-out")
})

it("writes curl with the options as JSON", () => {
  expect(curlText("kws.onnx", chosen({ ...DEFAULT_OPTIONS, optimize: "size" }), "http://127.0.0.1:8000")).toBe(
    `curl -sS -F model=@kws.onnx \\\n  -F 'options={"target":"cortex-m4","optimize":"size"}' \\\n  http://127.0.0.1:8000/api/v1/compilations`,
  )
})
