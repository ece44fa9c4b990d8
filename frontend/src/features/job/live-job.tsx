import { useQuery } from "@tanstack/react-query"
import { useEffect, useRef, useState } from "react"
import classes from "./job.module.css"
import { LogView } from "./log-view"
import { StageList } from "./stage-list"
import type { Connection } from "@/api/follow"
import { healthQuery } from "@/api/health"
import type { Compilation } from "@/api/types"
import type { JobProgress } from "@/lib/events"
import { integer } from "@/lib/format"
import { isSettled, STAGE_TITLES, STAGES, STATE_TITLES } from "@/lib/stages"

interface Props {
  job: Compilation
  progress: JobProgress
  connection: Connection
}

/** Stages and log of a compilation, while it runs and afterwards. */
export function LiveJob({ job, progress, connection }: Props) {
  const live = !isSettled(job.state)
  return (
    <>
      {job.state === "queued" && <QueueNote job={job} />}
      {live && connection === "polling" && (
        <p className={classes.note} role="status">
          The live connection was lost; the server is asked every two seconds instead.
        </p>
      )}
      <div className={classes.live}>
        <section className="panel" aria-labelledby="stages-title">
          <div className="panel-head">
            <h2 id="stages-title">Stages</h2>
            <span className="muted number">
              {doneCount(progress)} of {STAGES.length}
            </span>
          </div>
          <StageList progress={progress} />
        </section>
        <LogView progress={progress} live={live} />
      </div>
      <Announcer text={announcement(job)} />
    </>
  )
}

function QueueNote({ job: { queue_position: position, attempt } }: { job: Compilation }) {
  const health = useQuery(healthQuery)
  const noWorker = health.data?.workers.length === 0
  return (
    <p className={classes.note}>
      {attempt > 0 && "The worker that ran this was lost; it will be started again. "}
      {noWorker
        ? "No worker is running, so nothing is compiled. Start one with deepmetal worker, or restart deepmetal serve."
        : position == null
        ? "Waiting for a worker."
        : position === 0
          ? "Next in the queue: the first free worker takes it."
          : `Waiting for a worker: ${integer(position)} ${position === 1 ? "compilation is" : "compilations are"} ahead of this one.`}
    </p>
  )
}

function doneCount(progress: JobProgress): number {
  return STAGES.filter((stage) => progress.stages[stage].status === "done").length
}

function announcement(job: Compilation): string {
  if (job.state === "running" && job.stage) return `Running: ${STAGE_TITLES[job.stage]}`
  return STATE_TITLES[job.state]
}

const ANNOUNCE_MS = 2000

/** Tells screen readers the newest text, at most once every two seconds. */
function Announcer({ text }: { text: string }) {
  const [said, setSaid] = useState("")
  const last = useRef(0)
  useEffect(() => {
    const wait = Math.max(0, last.current + ANNOUNCE_MS - Date.now())
    const timer = setTimeout(() => {
      last.current = Date.now()
      setSaid(text)
    }, wait)
    return () => clearTimeout(timer)
  }, [text])
  return (
    <p className="visually-hidden" aria-live="polite">
      {said}
    </p>
  )
}
