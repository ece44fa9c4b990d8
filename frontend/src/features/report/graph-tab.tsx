import { useQuery } from "@tanstack/react-query"
import { lazy, Suspense } from "react"
import { graphOfQuery } from "@/api/inspections"
import type { Compilation } from "@/api/types"
import { asError, Problem } from "@/components/problem"

const GraphView = lazy(() => import("@/components/graph/graph-view").then(({ GraphView }) => ({ default: GraphView })))

/** Options that decide what the graph is; with the others it is the same. */
const DECIDING = ["target", "shape", "architecture", "optimize", "io_layout", "precision", "io", "keep", "rounding"] as const

/** The model's graph, looked at again with the options of the compilation. */
export function GraphTab({ job }: { job: Compilation }) {
  const options = Object.fromEntries(DECIDING.flatMap((key) => (key in job.options ? [[key, job.options[key]]] : [])))
  const bySource = Boolean(job.options.source)
  const graph = useQuery({ ...graphOfQuery(job.model.sha256, options), enabled: !bySource, retry: false })
  if (bySource) return <p className="muted">A model that was built by a source is not looked into again.</p>
  if (graph.isError) return <Problem error={asError(graph.error)} />
  if (!graph.data) return <p className="muted">A worker is looking into the model…</p>
  return (
    <section className="panel" aria-label="Graph of the model">
      <Suspense fallback={<p className="muted panel-body">Loading the graph…</p>}>
        <GraphView pictures={graph.data} />
      </Suspense>
    </section>
  )
}
