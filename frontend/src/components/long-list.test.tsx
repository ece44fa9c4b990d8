import { screen } from "@testing-library/react"
import userEvent from "@testing-library/user-event"
import { useState } from "react"
import { expect, it, vi } from "vitest"
import { LongList } from "./long-list"
import { show } from "@/test-render"

function Lines({ count, onHover = () => undefined }: { count: number; onHover?: (row: number | null) => void }) {
  const [active, setActive] = useState<number | null>(null)
  return (
    <LongList label="Lines" count={count} active={active} onActive={setActive} onHover={onHover} rowProps={(row) => ({ "data-even": row % 2 === 0 })}>
      {(row) => `line ${row}`}
    </LongList>
  )
}

it("draws a few of many lines, and tells how many there are", () => {
  show(<Lines count={20_000} />)
  const options = screen.getAllByRole("option")
  expect(options.length).toBeLessThan(100)
  expect(options[0]!.getAttribute("aria-setsize")).toBe("20000")
  expect(options[2]!.getAttribute("aria-posinset")).toBe("3")
})

it("is walked by arrows, and names the line it is at", async () => {
  const user = userEvent.setup()
  show(<Lines count={50} />)
  await user.tab()
  const list = screen.getByRole("listbox", { name: "Lines" })
  expect(document.activeElement).toBe(list)
  await user.keyboard("{ArrowDown}{ArrowDown}{ArrowDown}{ArrowUp}")
  const selected = screen.getByRole("option", { selected: true })
  expect(selected.textContent).toBe("line 1")
  expect(list.getAttribute("aria-activedescendant")).toBe(selected.id)
})

it("is pointed at and clicked", async () => {
  const user = userEvent.setup()
  const onHover = vi.fn()
  show(<Lines count={50} onHover={onHover} />)
  await user.click(screen.getByText("line 4"))
  expect(screen.getByRole("option", { selected: true }).textContent).toBe("line 4")
  expect(onHover).toHaveBeenCalledWith(4)
})
