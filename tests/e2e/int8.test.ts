/** int8 in the browser: a model that is quantised already, and a float model with calibration data. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { unzipSync } from "fflate"
import { expect, test } from "vitest"
import { accessibilityProblems, drop, made, newPage, PATIENCE_MS, useBrowser, verdict } from "./browser"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))
const IC = join(ROOT, "../shared/models/ic_int8.tflite")
const CONV = join(ROOT, "compiler/samples/data/conv.pth")

useBrowser()

test.skipIf(!existsSync(IC))("a quantised model says what it is, and is compiled as it is", async () => {
  const page = await newPage("/")
  await drop(page, IC)
  await page.getByText("This model is int8.").waitFor({ timeout: PATIENCE_MS })
  expect(await page.getByRole("checkbox", { name: /^int8/ }).count()).toBe(0)
  await page.getByRole("radio", { name: /^Single/ }).waitFor()
  await page.getByRole("button", { name: "Compile", exact: true }).click()
  await page.waitForURL(/\/jobs\/\w+/)
  await verdict(page).getByText(/^(Matches|Equal to|Integers exactly as defined)/).waitFor({ timeout: PATIENCE_MS })
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download the zip" }).click()])
  const files = unzipSync(readFileSync(await download.path()))
  const report = JSON.parse(new TextDecoder().decode(files["report.json"])) as { model: { inputs: { dtype: string }[] }; validation: { passed: boolean } }
  expect(report.model.inputs[0]!.dtype).toBe("int8")
  expect(report.validation.passed).toBe(true)
})

test("a float model becomes int8 with calibration data, beside float32, and the two are compared", async () => {
  const page = await newPage("/")
  await drop(page, CONV)
  const int8 = page.getByRole("checkbox", { name: /^int8(?! weights)/ })
  await int8.check({ timeout: PATIENCE_MS })
  await page.getByText("No calibration data.").waitFor()
  await page.locator("label", { has: int8 }).getByText(/× less/).first().waitFor({ timeout: PATIENCE_MS })
  await page.getByLabel("Calibration data, file").setInputFiles(made("calibration.npz"))
  await page.getByText("No calibration data.").waitFor({ state: "hidden" })
  await page.getByText("Measure the accuracy on labelled samples").click()
  await page.getByLabel("Labels, file").setInputFiles(made("labels.npy"))
  expect(await accessibilityProblems(page)).toEqual([])
  await page.getByRole("button", { name: "Compile", exact: true }).click()
  await page.waitForURL(/\/groups\/\w+/)
  await page.getByText("2 of 2 ended").waitFor({ timeout: PATIENCE_MS })

  await page.getByRole("tab", { name: "Precisions" }).click()
  const costs = page.getByRole("region", { name: "Costs on cortex-m4, C" })
  await costs.getByRole("row", { name: /^Flash/ }).getByText(/%/).waitFor()
  await page.getByRole("region", { name: "Quantised tensors, the worst first" }).waitFor()
  expect(await accessibilityProblems(page)).toEqual([])

  await costs.getByRole("link", { name: "int8" }).click()
  await page.getByRole("region", { name: "Quantised to int8" }).getByText("32 samples").waitFor()
  await page.getByRole("region", { name: "Accuracy" }).getByText("on 32 labelled samples").waitFor()
  await page.getByRole("region", { name: "Steps of the quantiser" }).first().waitFor()
  expect(await page.getByText("No calibration data were given.").count()).toBe(0)
  expect(await accessibilityProblems(page)).toEqual([])
})
