import { Button, TextInput } from "@mantine/core"
import { useId, useState } from "react"
import { Note } from "./estimate-note"
import classes from "./new-compile.module.css"
import type { Board } from "@/api/types"
import { likelyOn, type Needs } from "@/lib/estimate"
import { bytes, plural } from "@/lib/format"

const SHOWN = 40

interface Props {
  boards: readonly Board[]
  needs: Needs | null
  value: string | null
  onChange: (board: Board | null) => void
}

/** One board instead of targets: it brings its processor, its clock, and its memory as budget. */
export function BoardPicker({ boards, needs, value, onChange }: Props) {
  const [text, setText] = useState("")
  const group = useId()
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  const found = boards.filter((board) => {
    const about = `${board.name} ${board.title} ${board.vendor} ${board.chip} ${board.core} ${board.target ?? ""}`.toLowerCase()
    return board.target !== null && words.every((word) => about.includes(word))
  })
  const chosen = boards.find((board) => board.name === value)
  if (chosen) {
    return (
      <div className={classes.board}>
        <p>
          <strong>{chosen.title}</strong> <span className="muted">{facts(chosen)}</span>
        </p>
        <p className="muted">
          Compiles for <code>{chosen.target}</code>; its flash and RAM are the budget.
          {!chosen.verified && " Its figures are not verified."}
        </p>
        {needs && <BoardEstimate board={chosen} needs={needs} />}
        <Button variant="default" size="compact-sm" onClick={() => onChange(null)}>
          Choose targets instead
        </Button>
      </div>
    )
  }
  return (
    <div className={classes.boardSearch}>
      <TextInput
        label="Find a board"
        type="search"
        placeholder="vendor, name or processor"
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        autoComplete="off"
      />
      <p className="muted" role="status">
        {plural(found.length, "board")}
        {found.length > SHOWN && `; the first ${SHOWN} are shown`}
      </p>
      <fieldset className={classes.boardList}>
        <legend className="visually-hidden">Boards</legend>
        {found.slice(0, SHOWN).map((board) => (
          <label key={board.name} className={classes.boardRow}>
            <input type="radio" name={group} value={board.name} checked={false} onChange={() => onChange(board)} />
            <span>
              {board.title}
              <span className={classes.targetLine}>
                {facts(board)}
                {!board.verified && " · not verified"}
              </span>
            </span>
            {needs && <BoardEstimate board={board} needs={needs} />}
          </label>
        ))}
      </fieldset>
    </div>
  )
}

function BoardEstimate({ board, needs }: { board: Board; needs: Needs }) {
  const kind = likelyOn(needs, board)
  return <Note kind={kind}>{kind === "likely" ? (needs.arena === null ? "flash would do" : "room by estimate") : kind === "no" ? "too small" : "memory not known"}</Note>
}

function facts({ vendor, target, clock_mhz, flash, ram }: Board): string {
  return [
    vendor,
    target,
    clock_mhz !== null && `${clock_mhz} MHz`,
    `${bytes(flash)} flash`,
    `${bytes(ram)} RAM`,
  ]
    .filter(Boolean)
    .join(" · ")
}
