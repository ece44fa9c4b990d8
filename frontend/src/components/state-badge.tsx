import type { CompilationState } from "@/api/types"
import { STATE_TITLES } from "@/lib/stages"
import { CheckIcon, ClockIcon, CrossIcon, MinusIcon, RunIcon } from "./icons"
import classes from "./state-badge.module.css"

const ICONS = { queued: ClockIcon, running: RunIcon, succeeded: CheckIcon, failed: CrossIcon, cancelled: MinusIcon }

/** The state as icon and word; colour only underlines it. */
export function StateBadge({ state }: { state: CompilationState }) {
  const Icon = ICONS[state]
  return (
    <span className={classes.badge} data-state={state}>
      <Icon size={14} />
      <span className={classes.word}>{STATE_TITLES[state]}</span>
    </span>
  )
}
