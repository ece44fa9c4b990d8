import { Link } from "@tanstack/react-router"
import classes from "./history.module.css"
import type { Compilation } from "@/api/types"
import { CheckIcon, CrossIcon } from "@/components/icons"
import { Bytes, Count } from "@/components/quantity"
import { StateBadge } from "@/components/state-badge"
import { TimeAgo } from "@/components/time-ago"
import { scientific, seconds } from "@/lib/format"
import { languageTitle } from "@/lib/languages"

export function JobTable({ jobs }: { jobs: Compilation[] }) {
  return (
    <div className="panel">
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a region that scrolls must be reachable */}
      <div className="scroll-x" role="region" aria-label="Compilations" tabIndex={0}>
        <table className={`table ${classes.table}`}>
          <thead>
            <tr>
              <th scope="col" className="wide-only">
                State
              </th>
              <th scope="col">Model</th>
              <th scope="col" className="wide-only">
                Target
              </th>
              <th scope="col" className="right wide-only">
                Flash
              </th>
              <th scope="col" className="right wide-only">
                RAM
              </th>
              <th scope="col" className="right wide-only">
                Instructions
              </th>
              <th scope="col" className="right wide-only">
                Max error
              </th>
              <th scope="col" className="right wide-only">
                Took
              </th>
              <th scope="col" className="right">
                Created
              </th>
            </tr>
          </thead>
          <tbody>
            {jobs.map((job) => (
              <JobRow key={job.id} job={job} />
            ))}
          </tbody>
        </table>
      </div>
    </div>
  )
}

function JobRow({ job }: { job: Compilation }) {
  const { summary } = job
  return (
    <tr className={classes.row}>
      <td className="wide-only">
        <StateBadge state={job.state} />
      </td>
      <th scope="row" className={classes.model}>
        <Link to="/jobs/$id" params={{ id: job.id }} className={classes.link}>
          {job.model.name}
        </Link>
        <span className={`${classes.extra} ${classes.narrowOnly}`}>
          <StateBadge state={job.state} />
        </span>
        {summary && (
          <span className={`${classes.extra} ${classes.narrowOnly}`}>
            <Bytes value={summary.flash_total} /> flash · <Bytes value={summary.ram_total} /> RAM
          </span>
        )}
        {job.group && (
          <span className={classes.extra}>
            <Link to="/groups/$id" params={{ id: job.group }} aria-label={`Compare with its group: ${job.model.name}, ${job.target}, ${languageTitle(job.emit)}`}>
              Compare with its group
            </Link>
          </span>
        )}
        <span className={classes.extra}>
          {job.error ? (
            <>
              <code>{job.error.code}</code> {job.error.title}
            </>
          ) : (
            [job.options.optimize !== "balanced" && `optimised for ${String(job.options.optimize)}`, job.cached && "from the cache", job.project, ...job.tags]
              .filter(Boolean)
              .join(" · ")
          )}
        </span>
      </th>
      <td className="wide-only">
        {job.target}
        <span className={classes.extra}>{languageTitle(job.emit)}</span>
      </td>
      <td className="right wide-only">
        <Bytes value={summary?.flash_total} />
      </td>
      <td className="right wide-only">
        <Bytes value={summary?.ram_total} />
      </td>
      <td className="right wide-only">
        <Count value={summary?.instructions} />
      </td>
      <td className="right wide-only">
        <span className={classes.error} data-passed={summary?.validation_passed ?? undefined}>
          {summary?.validation_passed === true && <CheckIcon size={13} />}
          {summary?.validation_passed === false && <CrossIcon size={13} />}
          <span className={classes.value}>{scientific(summary?.max_abs_error)}</span>
        </span>
      </td>
      <td className="right wide-only">{took(job)}</td>
      <td className="right">
        <TimeAgo iso={job.created_at} />
      </td>
    </tr>
  )
}

function took(job: Compilation): string {
  return job.started_at && job.ended_at ? seconds((Date.parse(job.ended_at) - Date.parse(job.started_at)) / 1000) : "–"
}
