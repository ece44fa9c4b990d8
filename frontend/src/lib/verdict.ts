/** The first sentence of a report: is it right, and does it fit. */
import type { Report } from "@/api/types"
import { bytes, plural, small } from "./format"

export interface Verdict {
  kind: "ok" | "warn" | "bad"
  title: string
  detail: string
}

export function verdict(report: Report): Verdict {
  const size = `${bytes(report.totals.flash.total)} flash and ${bytes(report.totals.ram.total ?? report.totals.ram.arena)} RAM`
  const { validation } = report
  if (!validation) {
    return {
      kind: "warn",
      title: "Compiled, not run",
      detail: `Nothing was compared with the model, because the emulator was left out. Needs ${size}.${onBoard(report)}`,
    }
  }
  const seen = `on ${plural(validation.vectors, "input vector")} run on the emulator`
  if (!validation.passed) {
    return {
      kind: "bad",
      title: `Disagrees with ${validation.reference}`,
      detail: `Off by ${small(validation.max_rel_error)} of a tensor's range ${seen}; the tolerance is ${small(validation.tolerance)}.`,
    }
  }
  const checked = `Checked layer by layer ${seen}. Needs ${size}.${onBoard(report)}`
  const { title, more } = agreement(validation)
  return { kind: "ok", title, detail: `${more}${checked}` }
}

/** How near the result is: to the reference, and for integers to their own definition. */
function agreement({ reference, bit_exact, integers_exact, max_abs_error }: NonNullable<Report["validation"]>) {
  if (bit_exact) return { title: `Equal to ${reference}, bit for bit`, more: "" }
  const near = `within ${small(max_abs_error)}`
  if (integers_exact === null) return { title: `Matches ${reference} ${near}`, more: "" }
  return {
    title: integers_exact ? "Integers exactly as defined" : "Integers as defined, up to a rounded float",
    more: `Outputs ${max_abs_error === 0 ? "equal to" : `${near} of`} those of ${reference}. `,
  }
}

/** What that means for the board that it was compiled for. */
function onBoard({ options, boards }: Report): string {
  const board = boards.find(({ name }) => name === options.board)
  if (!board) return ""
  if (board.fits === null) return ` Whether ${board.title} has room is not known.`
  if (!board.fits) return ` Too large for ${board.title}.`
  return ` Fits ${board.title}, where ${bytes(board.flash_free)} of flash and ${bytes(board.ram_free)} of RAM stay free.`
}
