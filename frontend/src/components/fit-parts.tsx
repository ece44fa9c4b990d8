import { CheckIcon, CrossIcon, WarnIcon } from "./icons"
import classes from "./fit.module.css"
import type { Board, BoardFit } from "@/api/types"
import { bytes, exactBytes, percent } from "@/lib/format"
import { fitOf, freeShare } from "@/lib/fits"

const WORDS = { yes: "fits", no: "too small", unknown: "not known" }
const ICONS = { yes: CheckIcon, no: CrossIcon, unknown: WarnIcon }

/** The answer as icon and word. */
export function FitMark({ fit }: { fit: BoardFit }) {
  const answer = fitOf(fit)
  const Icon = ICONS[answer]
  return (
    <span className={classes.mark} data-fit={answer}>
      <Icon size={14} />
      <span className={classes.word}>{WORDS[answer]}</span>
    </span>
  )
}

/** How much of a board's memory is used, and what stays free; below zero what is missing. */
export function FreeBar({ free, need }: { free: number | null; need: number | null }) {
  if (free === null) return <span className="muted">not known</span>
  const share = freeShare(free, need)
  const used = share === null ? null : Math.max(0, Math.min(1, 1 - share))
  return (
    <span className={classes.free} data-short={free < 0 || undefined} title={free < 0 ? `${exactBytes(-free)} too much` : `${exactBytes(free)} free${share === null ? "" : `, ${percent(share)}`}`}>
      <span className={classes.track} aria-hidden="true">
        {used !== null && <span className={classes.used} style={{ width: `${used * 100}%` }} />}
      </span>
      <span>{free < 0 ? `${bytes(-free)} short` : `${bytes(free)} free`}</span>
    </span>
  )
}

/** Bytes with a sign for what is missing. */
export function Signed({ bytes: value }: { bytes: number | null }) {
  if (value === null) return <span className="muted">–</span>
  return (
    <span className="number" title={value < 0 ? `${exactBytes(-value)} too much` : exactBytes(value)}>
      {value < 0 ? `−${bytes(-value)}` : bytes(value)}
    </span>
  )
}

interface NameProps {
  board: Pick<BoardFit, "title" | "name" | "vendor" | "clock_mhz" | "verified">
  sources?: Board["sources"] | undefined
}

/** A board, and where its figures were read. */
export function BoardName({ board: { title, name, vendor, clock_mhz: clock, verified }, sources }: NameProps) {
  const word = verified ? "verified" : "not verified"
  return (
    <span className={classes.board}>
      <span>{title || name}</span>
      <span className={classes.about}>{[vendor, clock !== null && `${clock} MHz`].filter(Boolean).join(" · ")}</span>
      {sources ? (
        <details className={classes.source}>
          <summary>
            {verified ? <CheckIcon size={12} /> : <WarnIcon size={12} />} {word}
          </summary>
          <dl>
            {Object.entries(sources).map(([figure, places]) => (
              <div key={figure}>
                <dt>{figure}</dt>
                <dd>{places.length > 0 ? places.join("; ") : "nobody checked it"}</dd>
              </div>
            ))}
          </dl>
        </details>
      ) : (
        <span className={classes.about}>{word}</span>
      )}
    </span>
  )
}
