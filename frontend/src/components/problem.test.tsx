import { screen, within } from "@testing-library/react"
import { expect, it } from "vitest"
import { asError, Problem } from "./problem"
import { toProblem, UNREACHABLE } from "@/api/client"
import { show } from "@/test-render"

it("shows what, where, the facts and the way out, with the code", () => {
  const { error } = toProblem(422, {
    title: "shape does not fit",
    detail: "--shape x=1,4 does not fit",
    code: "E1004",
    where: "net.onnx",
    facts: { input: "x" },
    help: "use `--shape x=1,3`",
  })
  show(<Problem error={error} />)
  const alert = within(screen.getByRole("alert"))
  for (const text of ["E1004", /--shape x=1,4 does not fit/, "net.onnx", "input", "x"]) alert.getByText(text)
  expect(alert.getByText("use", { exact: false }).textContent).toBe("What to do: use --shape x=1,3")
})

it("has words for an answer that is no problem+json", () => {
  const { error } = toProblem(502, null)
  expect(error.title).toBe("The server answered with status 502")
  expect(error.help).not.toBe("")
})

it("tells a silent server from a fault of the page", () => {
  expect(asError(UNREACHABLE).title).toBe("The server does not answer")
  expect(asError(new TypeError("x is undefined")).facts).toEqual({ message: "x is undefined" })
})
