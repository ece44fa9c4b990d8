import { useQuery } from "@tanstack/react-query"
import { getRouteApi, Link } from "@tanstack/react-router"
import { Suspense, useCallback } from "react"
import { compilationQuery } from "@/api/compilations"
import type { Compilation } from "@/api/types"
import { ErrorLink } from "@/components/error-link"
import { useFavicon, usePageTitle } from "@/components/page-title"
import { asError, Problem } from "@/components/problem"
import { JobHeader } from "@/features/job/job-header"
import { LiveJob } from "@/features/job/live-job"
import { useJobEvents } from "@/features/job/use-job-events"
import { ReportView } from "@/features/report/report-view"
import type { JobSearch } from "@/lib/search"
import { STAGE_TITLES, STAGES } from "@/lib/stages"

const route = getRouteApi("/jobs/$id")

/** One address from the first second to the last: it runs here, and its report appears here. */
export function JobRoute() {
  const { id } = route.useParams()
  const job = useQuery(compilationQuery(id))
  if (job.isPending) return <p className="muted">Loading the compilation…</p>
  if (!job.data) {
    return (
      <Problem heading error={asError(job.error)}>
        <Link to="/jobs">History</Link>
        <Link to="/">New compile</Link>
      </Problem>
    )
  }
  return <Job job={job.data} />
}

function Job({ job }: { job: Compilation }) {
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const { progress, connection } = useJobEvents(job.id)
  const onSearch = useCallback((next: JobSearch) => void navigate({ search: next, replace: true, resetScroll: false }), [navigate])
  usePageTitle(tabTitle(job))
  useFavicon(job.state === "succeeded" ? "ok" : job.state === "failed" ? "bad" : job.state === "cancelled" ? "" : "busy")
  const live = <LiveJob job={job} progress={progress} connection={connection} />

  return (
    <>
      <JobHeader job={job} />
      {job.error && (
        <div style={{ marginBottom: "0.9rem" }}>
          <Problem error={job.error}>
            {job.error.code && <ErrorLink code={job.error.code} />}
            <Link to="/">Compile another model</Link>
          </Problem>
        </div>
      )}
      {/* Past a budget, or wrong: what was built is still there to be looked at. */}
      {job.summary ? (
        <Suspense fallback={<p className="muted">Loading the report…</p>}>
          <ReportView job={job} search={search} onSearch={onSearch} log={live} />
        </Suspense>
      ) : (
        live
      )}
    </>
  )
}

function tabTitle(job: Compilation): string {
  const name = job.model.name
  if (job.state === "succeeded") return `✓ ${name}`
  if (job.state === "failed") return `✕ ${name}`
  if (job.state === "cancelled") return `Cancelled: ${name}`
  if (job.state === "queued" || !job.stage) return `Queued: ${name}`
  return `${STAGES.indexOf(job.stage) + 1}/${STAGES.length} ${STAGE_TITLES[job.stage]}: ${name}`
}
