import { Button } from "@mantine/core"
import { useMutation, useQueryClient } from "@tanstack/react-query"
import { Link, useNavigate } from "@tanstack/react-router"
import { type ReactNode, useState } from "react"
import classes from "./job.module.css"
import { cancelOrDelete } from "@/api/compilations"
import type { Compilation } from "@/api/types"
import { asError, Problem } from "@/components/problem"
import { StateBadge } from "@/components/state-badge"
import { TimeAgo, useNow } from "@/components/time-ago"
import { seconds } from "@/lib/format"
import { languageTitle } from "@/lib/languages"
import { isSettled } from "@/lib/stages"

/** Which model, for what, in which state, since when; and the way to stop it. */
export function JobHeader({ job, children }: { job: Compilation; children?: ReactNode }) {
  const settled = isSettled(job.state)
  return (
    <header className={classes.header}>
      <div className={classes.headline}>
        <h1 className={classes.name}>{job.model.name}</h1>
        <StateBadge state={job.state} />
      </div>
      <div className={classes.buttons}>
        {children}
        {settled ? <DeleteButton job={job} /> : <CancelButton job={job} />}
      </div>
      <ul className={classes.facts}>
        <li>{job.target}</li>
        <li>{languageTitle(job.emit)}</li>
        <li>
          {job.precision}
          {job.calibration && `, calibrated with ${job.calibration}`}
        </li>
        <li>
          <TimeAgo iso={job.created_at} />
        </li>
        {job.started_at && (
          <li>
            <Elapsed from={job.started_at} to={job.ended_at} />
          </li>
        )}
        {job.cached && <li title="The result of an equal compilation was used">from the cache</li>}
        {job.attempt > 1 && <li>attempt {job.attempt}: a worker was lost</li>}
        {job.group && (
          <li>
            <Link to="/groups/$id" params={{ id: job.group }}>
              Compare with its group
            </Link>
          </li>
        )}
        <li className="mono">{job.id}</li>
      </ul>
    </header>
  )
}

function Elapsed({ from, to }: { from: string; to: string | null }) {
  const now = useNow(to === null ? 1000 : null)
  const spent = Math.max(0, ((to === null ? now : Date.parse(to)) - Date.parse(from)) / 1000)
  return <span className="number">{to === null ? `${Math.floor(spent)} s so far` : `took ${seconds(spent)}`}</span>
}

function CancelButton({ job }: { job: Compilation }) {
  const client = useQueryClient()
  const cancel = useMutation({
    mutationFn: () => cancelOrDelete(job.id),
    onSettled: () => client.invalidateQueries({ queryKey: ["compilation", job.id] }),
  })
  return (
    <>
      <Button variant="default" onClick={() => cancel.mutate()} loading={cancel.isPending}>
        Cancel
      </Button>
      {cancel.isError && <Problem error={asError(cancel.error)} />}
    </>
  )
}

/** Asks once, in place: a deleted result cannot be brought back. */
function DeleteButton({ job }: { job: Compilation }) {
  const client = useQueryClient()
  const navigate = useNavigate()
  const [asking, setAsking] = useState(false)
  const remove = useMutation({
    mutationFn: () => cancelOrDelete(job.id),
    onSuccess: async () => {
      client.removeQueries({ queryKey: ["compilation", job.id] })
      await navigate({ to: "/jobs" })
      await client.invalidateQueries({ queryKey: ["compilations"] })
    },
  })
  if (!asking) {
    return (
      <Button variant="subtle" color="gray" className={classes.quiet} onClick={() => setAsking(true)}>
        Delete
      </Button>
    )
  }
  return (
    <span className={classes.ask}>
      <span>Delete this result?</span>
      <Button color="red.8" onClick={() => remove.mutate()} loading={remove.isPending}>
        Delete it
      </Button>
      <Button variant="default" onClick={() => setAsking(false)}>
        Keep it
      </Button>
      {remove.isError && <Problem error={asError(remove.error)} />}
    </span>
  )
}
