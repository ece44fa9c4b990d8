import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from "react"
import classes from "./long-list.module.css"
import { rowAfterKey, rowsInSight, scrollToRow } from "@/lib/window"

export const ROW_HEIGHT = 20

interface Props {
  label: string
  count: number
  /** The row that was chosen; it is kept in sight. */
  active: number | null
  onActive: (row: number) => void
  onHover: (row: number | null) => void
  /** Attributes of a row, such as its colour. */
  rowProps: (row: number) => Record<`data-${string}`, string | boolean | number | undefined>
  children: (row: number) => ReactNode
}

/** Tens of thousands of lines of which only those in sight exist; one stop for Tab, arrows move inside. */
export function LongList({ label, count, active, onActive, onHover, rowProps, children }: Props) {
  const id = useId()
  const box = useRef<HTMLDivElement>(null)
  const [height, setHeight] = useState(0)
  const [scrollTop, setScrollTop] = useState(0)
  const { first, end } = rowsInSight(scrollTop, height, ROW_HEIGHT, count)

  useEffect(() => {
    const element = box.current
    if (!element) return
    const observer = new ResizeObserver(() => setHeight(element.clientHeight))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  useEffect(() => {
    const element = box.current
    if (active === null || !element) return
    element.scrollTop = scrollToRow(active, element.scrollTop, element.clientHeight, ROW_HEIGHT)
  }, [active])

  const move = (event: KeyboardEvent) => {
    const from = active ?? Math.ceil(scrollTop / ROW_HEIGHT) - 1
    const next = rowAfterKey(event.key, from, count, Math.max(1, Math.floor(height / ROW_HEIGHT) - 1))
    if (next === null) return
    event.preventDefault()
    onActive(next)
  }
  const inSight = active !== null && active >= first && active < end
  return (
    <div
      ref={box}
      className={classes.box}
      role="listbox"
      tabIndex={0}
      aria-label={label}
      aria-activedescendant={inSight ? `${id}-${active}` : undefined}
      onScroll={(event) => setScrollTop(event.currentTarget.scrollTop)}
      onKeyDown={move}
      onPointerLeave={() => onHover(null)}
    >
      <div className={classes.rows} style={{ height: count * ROW_HEIGHT }} role="presentation">
        <div className={classes.shown} style={{ top: first * ROW_HEIGHT }} role="presentation">
          {Array.from({ length: Math.max(0, end - first) }, (_, index) => {
            const row = first + index
            return (
              // Keys are for the list as a whole.
              // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
              <div
                key={row}
                id={`${id}-${row}`}
                role="option"
                aria-selected={row === active}
                aria-posinset={row + 1}
                aria-setsize={count}
                className={classes.row}
                onClick={() => onActive(row)}
                onPointerEnter={() => onHover(row)}
                {...rowProps(row)}
              >
                {children(row)}
              </div>
            )
          })}
        </div>
      </div>
    </div>
  )
}
