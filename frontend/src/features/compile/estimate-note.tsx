import classes from "./new-compile.module.css"
import type { Board, Estimate, Target } from "@/api/types"
import { CheckIcon, CrossIcon, WarnIcon } from "@/components/icons"
import { type Likely, likely, tally } from "@/lib/estimate"
import { bytes, plural } from "@/lib/format"

const ICONS = { likely: CheckIcon, no: CrossIcon, unknown: WarnIcon }

interface Props {
  estimate: Estimate
  target: Target
  boards: readonly Board[]
}

/** Whether it would fit, as far as that is known before anything is compiled. */
export function EstimateNote({ estimate, target, boards }: Props) {
  if (boards.length > 0) {
    const counts = tally(estimate, boards)
    const kind: Likely = counts.likely > 0 ? "likely" : counts.unknown > 0 ? "unknown" : "no"
    return (
      <Note kind={kind}>
        room on {counts.likely} of {plural(boards.length, "board")}
      </Note>
    )
  }
  // No board is known: whether it can at least be run.
  const kind = likely(estimate, target)
  if (kind === "unknown") return null
  return <Note kind={kind}>{kind === "likely" ? "room in the emulated memory" : "too large for the emulated memory"}</Note>
}

export function Note({ kind, children }: { kind: Likely; children: React.ReactNode }) {
  const Icon = ICONS[kind]
  return (
    <span className={classes.estimate} data-likely={kind}>
      <Icon size={13} />
      <span>{children}</span>
    </span>
  )
}

/** What the estimates rest on, once for all cards. */
export function EstimateSummary({ estimate, reason }: { estimate: Estimate | null; reason: string }) {
  if (!estimate) return reason ? <p className={classes.estimateSummary}>No estimate before compiling: {reason}</p> : null
  return (
    <p className={classes.estimateSummary} title={`Weights as they are laid out for ${estimate.target}; other targets may differ a little.`}>
      <strong>Estimate before compiling:</strong> {bytes(estimate.weights)} of flash for weights, with the code still to come;{" "}
      {bytes(estimate.arena)} of RAM for the arena, with the stack still to come.
    </p>
  )
}
