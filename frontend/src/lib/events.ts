/** The events of a compilation, folded into what the page shows. Replays and duplicates change nothing. */
import type { CompilationState, Stage } from "@/api/types"
import { isSettled, STAGES } from "./stages"

export interface JobEvent {
  id: number
  kind: "stage" | "stage_done" | "log" | "state"
  stage: Stage | null
  message: string
  seconds: number | null
  state: CompilationState | null
  /** When it happened by the server's clock, in milliseconds. */
  at: number | null
}

export type StageProgress =
  | { status: "pending" }
  | { status: "running"; since: number }
  | { status: "done"; seconds: number | null }
  | { status: "failed" }
  | { status: "cancelled" }

export interface LogLine {
  id: number
  stage: Stage | null
  text: string
  kind: "log" | "mark"
}

export interface JobProgress {
  lastId: number
  state: CompilationState | null
  starts: number
  stages: Record<Stage, StageProgress>
  log: readonly LogLine[]
  dropped: number
}

/** A page that shows more lines than this is of no use to a reader; the whole log is in the artifact. */
export const LOG_LIMIT = 2000

const untouched = (): Record<Stage, StageProgress> =>
  Object.fromEntries(STAGES.map((stage) => [stage, { status: "pending" }])) as Record<Stage, StageProgress>

export const NO_PROGRESS: JobProgress = {
  lastId: 0,
  state: null,
  starts: 0,
  stages: untouched(),
  log: [],
  dropped: 0,
}

/** Parse one message of the stream; null for something that is not an event of ours. */
export function parseEvent(id: string, data: string): JobEvent | null {
  const number = Number(id)
  if (!Number.isInteger(number) || number <= 0) return null
  let raw: Partial<Omit<JobEvent, "at">> & { at?: string }
  try {
    raw = JSON.parse(data) as typeof raw
  } catch {
    return null
  }
  if (raw.kind !== "stage" && raw.kind !== "stage_done" && raw.kind !== "log" && raw.kind !== "state") return null
  return {
    id: number,
    kind: raw.kind,
    stage: raw.stage ?? null,
    message: raw.message ?? "",
    seconds: raw.seconds ?? null,
    state: raw.state ?? null,
    at: raw.at ? Date.parse(raw.at) || null : null,
  }
}

/** Apply a batch of events at `now` (milliseconds, for the clock of the running stage). */
export function advance(progress: JobProgress, events: readonly JobEvent[], now: number): JobProgress {
  let next = progress
  const fresh: LogLine[] = []
  for (const event of events) {
    if (event.id <= next.lastId) continue
    next = { ...next, lastId: event.id }
    if (event.kind === "log") {
      for (const text of event.message.split("\n")) fresh.push({ id: event.id, stage: event.stage, text, kind: "log" })
    } else if (event.kind === "stage" && event.stage) {
      next = { ...next, stages: withStage(next.stages, event.stage, { status: "running", since: Math.min(now, event.at ?? now) }) }
    } else if (event.kind === "stage_done" && event.stage) {
      next = { ...next, stages: withStage(next.stages, event.stage, { status: "done", seconds: event.seconds }) }
    } else if (event.kind === "state" && event.state) {
      next = enterState(next, event.state)
      if (event.state === "running" && next.starts > 1) {
        fresh.push({ id: event.id, stage: null, text: `Attempt ${next.starts}: the worker was lost, starting over`, kind: "mark" })
      } else if (event.message) {
        fresh.push({ id: event.id, stage: null, text: event.message, kind: "mark" })
      }
    }
  }
  if (fresh.length === 0) return next
  const log = [...next.log, ...fresh]
  const surplus = Math.max(0, log.length - LOG_LIMIT)
  return { ...next, log: log.slice(surplus), dropped: next.dropped + surplus }
}

function withStage(stages: Record<Stage, StageProgress>, stage: Stage, progress: StageProgress) {
  return { ...stages, [stage]: progress }
}

/** A second `running` is a new attempt: the stages start over. An end settles the stage that was running. */
function enterState(progress: JobProgress, state: CompilationState): JobProgress {
  if (state === "running") return { ...progress, state, starts: progress.starts + 1, stages: untouched() }
  if (!isSettled(state)) return { ...progress, state }
  const stages = { ...progress.stages }
  for (const stage of STAGES) {
    if (stages[stage].status !== "running") continue
    stages[stage] = state === "cancelled" ? { status: "cancelled" } : { status: state === "failed" ? "failed" : "pending" }
  }
  return { ...progress, state, stages }
}
