import classes from "./new-compile.module.css"
import type { Board, Target } from "@/api/types"
import { CheckIcon, CrossIcon, WarnIcon } from "@/components/icons"
import { type Likely, likely, type Needs, tally } from "@/lib/estimate"
import { bytes, plural } from "@/lib/format"

const ICONS = { likely: CheckIcon, no: CrossIcon, unknown: WarnIcon }

interface Props {
  needs: Needs
  target: Target
  boards: readonly Board[]
}

/** Whether it would fit, as far as that is known before anything is compiled. */
export function EstimateNote({ needs, target, boards }: Props) {
  if (boards.length > 0) {
    const counts = tally(needs, boards)
    const kind: Likely = counts.likely > 0 ? "likely" : counts.unknown > 0 ? "unknown" : "no"
    return (
      <Note kind={kind}>
        {needs.arena === null ? "flash" : "room"} on {counts.likely} of {plural(boards.length, "board")}
      </Note>
    )
  }
  // No board is known: whether it can at least be run.
  const kind = likely(needs, target)
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
export function EstimateSummary({ needs, reason }: { needs: Needs | null; reason: string }) {
  if (!needs) return null
  return (
    <p className={classes.estimateSummary}>
      <strong>Estimate before compiling:</strong> weights take {bytes(needs.weights)} of flash, and the code comes on top;{" "}
      {needs.arena === null ? `RAM is not known yet${reason && `: ${reason}`}.` : `the arena takes ${bytes(needs.arena)} of RAM, and the stack comes on top.`}
    </p>
  )
}
