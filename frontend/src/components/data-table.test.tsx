import { screen, within } from "@testing-library/react"
import userEvent from "@testing-library/user-event"
import { expect, it } from "vitest"
import { columnHelper, type Columns, DataTable } from "./data-table"
import { show } from "@/test-render"

interface Row {
  name: string
  cost: number | null
}

const column = columnHelper<Row>()
const columns = column.columns([
  column.accessor("name", { header: "Name", sortFn: "alphanumeric" }),
  column.accessor((row) => row.cost ?? undefined, { id: "cost", header: "Cost", sortDescFirst: true, sortUndefined: "last" }),
]) as Columns<Row>
const rows: Row[] = [
  { name: "conv10", cost: 5 },
  { name: "conv2", cost: null },
  { name: "conv1", cost: 70 },
]

const order = () => screen.getAllByRole("rowheader").map((cell) => cell.textContent)

it("sorts by a click, says so, and keeps rows without a number last", async () => {
  const user = userEvent.setup()
  show(<DataTable caption="Layers" columns={columns} rows={rows} />)
  expect(order()).toEqual(["conv10", "conv2", "conv1"])

  await user.click(screen.getByRole("button", { name: "Cost" }))
  expect(order()).toEqual(["conv1", "conv10", "conv2"])
  expect(screen.getByRole("columnheader", { name: "Cost" }).getAttribute("aria-sort")).toBe("descending")

  await user.click(screen.getByRole("button", { name: "Cost" }))
  expect(order()).toEqual(["conv10", "conv1", "conv2"])
})

it("sorts names as people count, by keyboard", async () => {
  const user = userEvent.setup()
  show(<DataTable caption="Layers" columns={columns} rows={rows} />)
  within(screen.getByRole("table")).getByRole("button", { name: "Name" }).focus()
  await user.keyboard("{Enter}")
  expect(order()).toEqual(["conv1", "conv2", "conv10"])
})
