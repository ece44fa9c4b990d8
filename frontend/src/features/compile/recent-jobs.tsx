import { useInfiniteQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import classes from "./new-compile.module.css"
import { historyQuery } from "@/api/compilations"
import { StateBadge } from "@/components/state-badge"
import { TimeAgo } from "@/components/time-ago"

const SHOWN = 5

/** The way back to what was compiled last. */
export function RecentJobs() {
  const { data } = useInfiniteQuery(historyQuery({}))
  const jobs = data?.pages[0]?.items.slice(0, SHOWN) ?? []
  if (jobs.length === 0) return null
  return (
    <section aria-labelledby="recent">
      <div className={classes.headingRow}>
        <h2 id="recent" className={classes.heading}>
          Recent
        </h2>
        <Link to="/jobs">All compilations</Link>
      </div>
      <ul className={`panel ${classes.recent}`}>
        {jobs.map((job) => (
          <li key={job.id}>
            <StateBadge state={job.state} />
            <Link to="/jobs/$id" params={{ id: job.id }} className={classes.recentName}>
              {job.model.name}
            </Link>
            <span className="muted wide-only">{job.target}</span>
            <span className="muted">
              <TimeAgo iso={job.created_at} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}
