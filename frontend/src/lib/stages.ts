import type { CompilationState, Stage } from "@/api/types"

/** What happens in each stage, in the order of the pipeline; a new stage on the server fails the type check here. */
export const STAGE_TITLES: Record<Stage, string> = {
  import: "Read the model",
  optimize: "Optimise the graph",
  plan: "Plan the memory",
  generate: "Generate the source",
  build: "Compile and link",
  emulate: "Run on the emulator",
  validate: "Compare with the model",
  report: "Write the report",
}

export const STAGES = Object.keys(STAGE_TITLES) as Stage[]

export const STATE_TITLES: Record<CompilationState, string> = {
  queued: "Queued",
  running: "Running",
  succeeded: "Succeeded",
  failed: "Failed",
  cancelled: "Cancelled",
}

export const STATES = Object.keys(STATE_TITLES) as CompilationState[]

export function isSettled(state: CompilationState | undefined): boolean {
  return state === "succeeded" || state === "failed" || state === "cancelled"
}
