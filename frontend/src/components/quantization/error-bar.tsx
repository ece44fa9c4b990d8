import classes from "./quantization.module.css"
import { decibels, errorShare, severity } from "@/lib/quantization"

/** An error as a bar: the longer, the more of the tensor is lost. */
export function ErrorBar({ sqnr }: { sqnr: number | null | undefined }) {
  if (sqnr == null) return <span className="muted" title="not measured">–</span>
  return (
    <span className={classes.errorCell} data-severity={severity(sqnr)}>
      <span className={classes.track} aria-hidden="true">
        <span style={{ inlineSize: `${errorShare(sqnr) * 100}%` }} />
      </span>
      <span className="number">{decibels(sqnr)}</span>
    </span>
  )
}
