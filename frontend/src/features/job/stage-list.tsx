import classes from "./job.module.css"
import { CheckIcon, CrossIcon, DotIcon, MinusIcon, RunIcon } from "@/components/icons"
import { useNow } from "@/components/time-ago"
import type { JobProgress, StageProgress } from "@/lib/events"
import { seconds } from "@/lib/format"
import { STAGE_TITLES, STAGES } from "@/lib/stages"

const ICONS = { pending: DotIcon, running: RunIcon, done: CheckIcon, failed: CrossIcon, cancelled: MinusIcon }
const WORDS = { pending: "to come", running: "running", done: "done", failed: "failed here", cancelled: "cancelled here" }

/** The stages of the pipeline with their own time. */
export function StageList({ progress }: { progress: JobProgress }) {
  const anyRunning = STAGES.some((stage) => progress.stages[stage].status === "running")
  const now = useNow(anyRunning ? 250 : null)
  return (
    <ol className={classes.stages} aria-label="Stages">
      {STAGES.map((stage) => {
        const at = progress.stages[stage]
        const Icon = ICONS[at.status]
        return (
          <li key={stage} className={classes.stage} data-status={at.status}>
            <Icon />
            <span>
              {STAGE_TITLES[stage]}
              <span className="visually-hidden">: {WORDS[at.status]}</span>
            </span>
            <span className="number">{timeOf(at, now)}</span>
          </li>
        )
      })}
    </ol>
  )
}

function timeOf(progress: StageProgress, now: number): string {
  if (progress.status === "done") return progress.seconds === null ? "" : seconds(progress.seconds)
  if (progress.status === "running") return `${Math.max(0, (now - progress.since) / 1000).toFixed(1)} s`
  return progress.status === "pending" ? "" : WORDS[progress.status]
}
