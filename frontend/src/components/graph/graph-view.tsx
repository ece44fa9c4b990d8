import { Button, SegmentedControl, TextInput } from "@mantine/core"
import { lazy, Suspense, useMemo, useRef, useState } from "react"
import classes from "./graph.module.css"
import { NodeDetails } from "./node-details"
import { NodeTable } from "./node-table"
import type { Pictures } from "@/api/types"
import { plural } from "@/lib/format"
import { type GraphModel, graphModel, search } from "@/lib/picture"

const GraphCanvas = lazy(() => import("./graph-canvas").then(({ GraphCanvas }) => ({ default: GraphCanvas })))

type Side = (typeof SIDES)[number]
type Mode = "drawing" | "table"

const SIDES = ["before", "prepared", "quantised", "after"] as const
const TITLES: Record<Side, string> = { before: "Before", prepared: "Prepared", quantised: "Quantised", after: "After" }

interface Props {
  pictures: Pictures
  /** The side that is shown first, when it is there. */
  first?: Side
}

/** The graph before and after optimisation, with the quantiser's steps between: to look at, to search, to walk through, or to read as a table. */
export function GraphView({ pictures, first = "after" }: Props) {
  const sides = SIDES.filter((side) => pictures[side])
  const [side, setSide] = useState<Side>(pictures[first] ? first : (sides[0] ?? first))
  const [mode, setMode] = useState<Mode>("drawing")
  const [text, setText] = useState("")
  const frame = useRef<HTMLDivElement>(null)
  const picture = pictures[side]
  const graph = useMemo(() => (picture ? graphModel(picture) : null), [picture])
  // what is in the way is shown at once
  const [selected, setSelected] = useState<number | null>(() => firstProblem(graph))
  const found = useMemo(() => (graph ? search(graph, text) : []), [graph, text])
  if (!graph) return <p className="muted panel-body">There is no graph to show: {pictures.missing || "the model has none"}.</p>

  const step = (by: 1 | -1) => {
    if (found.length === 0) return
    const at = selected === null ? -1 : found.indexOf(selected)
    const next = at < 0 ? (by > 0 ? 0 : found.length - 1) : (at + by + found.length) % found.length
    setSelected(found[next]!)
  }
  /** A node of the source and what it became are known to each other by name. */
  const show = (other: Side, name: string) => {
    const there = pictures[other]
    if (!there) return
    const target = graphModel(there)
    const place = target.drawn.findIndex(
      (item) => item.role === "node" && (other === "before" ? item.node.name === name : item.node.sources.includes(name)),
    )
    if (place < 0) return
    setSide(other)
    setText("")
    setSelected(place)
  }
  return (
    <div ref={frame} className={classes.frame}>
      <div className={classes.bar}>
        {sides.length > 1 && (
          <SegmentedControl
            aria-label="Stage"
            size="xs"
            value={side}
            onChange={(next) => {
              setSide(next)
              setSelected(null)
            }}
            data={sides.map((one) => ({ value: one, label: `${TITLES[one]}: ${pictures[one]!.nodes.length.toLocaleString("en")}` }))}
          />
        )}
        <SegmentedControl
          aria-label="Show as"
          size="xs"
          value={mode}
          onChange={(next) => setMode(next)}
          data={[
            { value: "drawing", label: "Drawing" },
            { value: "table", label: "Table" },
          ]}
        />
        <div className={classes.find}>
          <TextInput
            aria-label="Find nodes"
            placeholder="Find: operator, name, kernel, tensor"
            type="search"
            size="xs"
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== "Enter") return
              event.preventDefault()
              step(event.shiftKey ? -1 : 1)
            }}
            autoComplete="off"
            spellCheck={false}
          />
          <Button variant="default" size="compact-sm" disabled={found.length === 0} onClick={() => step(1)}>
            Next
          </Button>
          <span className="muted" role="status">
            {text.trim() ? `${plural(found.length, "node")} found` : plural(graph.picture.nodes.length, "node")}
          </span>
        </div>
        {document.fullscreenEnabled && (
          <Button variant="default" size="compact-sm" onClick={() => toggleFullscreen(frame.current)}>
            Full screen
          </Button>
        )}
      </div>
      {pictures.missing && <p className={`muted ${classes.missing}`}>Only one stage is shown: {pictures.missing}.</p>}
      <div className={classes.body}>
        <div className={classes.stage}>
          {mode === "drawing" ? (
            <Suspense fallback={<p className="muted panel-body">Loading the drawing…</p>}>
              <GraphCanvas key={side} graph={graph} found={found} selected={selected} onSelect={setSelected} />
            </Suspense>
          ) : (
            <NodeTable graph={graph} rows={text.trim() ? found : null} selected={selected} onSelect={setSelected} />
          )}
        </div>
        <NodeDetails
          graph={graph}
          selected={selected}
          onSelect={setSelected}
          onOther={pictures.before && pictures.after ? (name) => show(side === "before" ? "after" : "before", name) : null}
          other={side === "before" ? "after" : "before"}
        />
      </div>
    </div>
  )
}

function firstProblem(graph: GraphModel | null): number | null {
  const place = graph?.drawn.findIndex((item) => item.role === "node" && item.node.problem !== "") ?? -1
  return place < 0 ? null : place
}

function toggleFullscreen(element: HTMLElement | null): void {
  if (document.fullscreenElement) void document.exitFullscreen()
  else void element?.requestFullscreen()
}
