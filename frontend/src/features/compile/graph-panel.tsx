import { Button } from "@mantine/core"
import { useQuery } from "@tanstack/react-query"
import { lazy, Suspense, useId, useState } from "react"
import type { Ready } from "./use-inspection"
import { graphQuery } from "@/api/inspections"
import { asError, Problem } from "@/components/problem"

const GraphView = lazy(() => import("@/components/graph/graph-view").then(({ GraphView }) => ({ default: GraphView })))

/** The model's graph, opened by itself where something in it is in the way. */
export function GraphPanel({ phase: { id, inspection } }: { phase: Ready }) {
  const trouble = inspection.unsupported.length > 0
  const [open, setOpen] = useState(trouble)
  const graph = useQuery({ ...graphQuery(id), enabled: open, retry: false })
  const name = useId()
  return (
    <section className="panel" aria-labelledby={name}>
      <div className="panel-head">
        <h2 id={name}>Graph</h2>
        <Button variant="default" size="compact-sm" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? "Hide the graph" : "Show the graph"}
        </Button>
      </div>
      {open && graph.isError && <Problem error={asError(graph.error)} />}
      {open && graph.isPending && <p className="muted panel-body">Fetching the graph…</p>}
      {open && graph.data && (
        <Suspense fallback={<p className="muted panel-body">Loading the graph…</p>}>
          <GraphView pictures={graph.data} first={trouble ? "before" : "after"} />
        </Suspense>
      )}
    </section>
  )
}
