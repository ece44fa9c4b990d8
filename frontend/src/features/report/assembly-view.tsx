import { NativeSelect } from "@mantine/core"
import { useQueries, useQuery } from "@tanstack/react-query"
import { useMemo, useState } from "react"
import { AsmLine, FunctionHead, SourceLine } from "./assembly-lines"
import classes from "./assembly.module.css"
import { useFiles } from "./use-files"
import { fileQuery } from "@/api/compilations"
import type { Compilation, Report } from "@/api/types"
import { LongList } from "@/components/long-list"
import { asError, Problem } from "@/components/problem"
import { compact, integer, plural } from "@/lib/format"
import {
  type AsmRow,
  asmRows,
  costOf,
  findPlace,
  lineColours,
  type ListedFunction,
  type Listing,
  type Place,
  placeOf,
  samePlace,
  type SourceRow,
  sourceRows,
} from "@/lib/listing"

const COLOURS = 8
const LISTING = "listing.json"

interface Props {
  job: Compilation
  report: Report
  symbol: string | undefined
  onSymbol: (symbol: string | undefined) => void
}

/** The source of each layer beside the machine code that became of it. */
export function AssemblyView({ job, report, symbol, onSymbol }: Props) {
  const files = useFiles(job.id)
  const there = files.data?.some(({ path }) => path === LISTING)
  const text = useQuery({ ...fileQuery(job.id, LISTING), enabled: there === true, select: readListing })
  const failed = files.error ?? text.error
  if (failed) return <Problem error={asError(failed)} />
  if (there === false) {
    return (
      <section className="panel panel-body">
        <p>This artifact has no listing of its machine code: no disassembler for {job.target} is installed where it was compiled.</p>
      </section>
    )
  }
  if (!text.data) return <p className="muted">Loading the machine code…</p>
  return <SideBySide id={job.id} report={report} listing={text.data} symbol={symbol} onSymbol={onSymbol} />
}

function readListing(text: string): Listing {
  return JSON.parse(text) as Listing
}

interface SideBySideProps {
  id: string
  report: Report
  listing: Listing
  symbol: string | undefined
  onSymbol: (symbol: string | undefined) => void
}

function SideBySide({ id, report, listing, symbol, onSymbol }: SideBySideProps) {
  const { functions } = listing
  const only = functions.findIndex(({ name }) => name === symbol)
  const chosen = useMemo(() => (only >= 0 ? [only] : functions.map((_, at) => at)), [only, functions])
  const files = useSourceFiles(id, functions)
  const asm = useMemo(() => asmRows(functions, chosen), [functions, chosen])
  const source = useMemo(() => sourceRows(functions, chosen, files), [functions, chosen, files])
  const colours = useMemo(() => functions.map((fn) => lineColours(fn, COLOURS)), [functions])
  const hottest = useMemo(() => functions.map((fn) => Math.max(1, ...fn.instructions.map(({ executed }) => executed ?? 0))), [functions])
  const counted = useMemo(() => functions.some((fn) => costOf(fn).executed !== null), [functions])
  const timed = useMemo(() => functions.some((fn) => costOf(fn).cycles !== null), [functions])
  const [hovered, setHovered] = useState<Place | null>(null)
  const [pinned, setPinned] = useState<Pin>(NOTHING)
  const [seen, setSeen] = useState(chosen)
  if (seen !== chosen) {
    setSeen(chosen)
    setPinned(NOTHING)
  }

  const pinAsm = (row: number) => {
    const place = placeOf(asm[row])
    const other = place ? findPlace(source, place) : -1
    setPinned({ asm: row, source: other < 0 ? null : other, place })
  }
  const pinSource = (row: number) => {
    const place = placeOf(source[row])
    const other = place ? findPlace(asm, place) : -1
    setPinned({ asm: other < 0 ? null : other, source: row, place })
  }
  /** One function is coloured by its lines, all of them together by layer. */
  const rowProps = (row: AsmRow | SourceRow | undefined) => {
    const place = placeOf(row)
    const tint = only >= 0 ? place && colours[place.at]!.get(place.line) : (functions[row?.at ?? 0]?.layers[0] ?? -1) % COLOURS
    return {
      "data-kind": row?.kind,
      "data-tint": tint != null && tint >= 0 && row?.kind !== "head" ? tint : undefined,
      "data-linked": samePlace(place, pinned.place) || samePlace(place, hovered) || undefined,
    }
  }
  const names = functions.map((fn) => titleOf(fn, report))
  return (
    <section className="panel" aria-label="Source and assembly">
      <div className="panel-head">
        <NativeSelect
          aria-label="Layer"
          value={only >= 0 ? symbol : ""}
          onChange={(event) => onSymbol(event.currentTarget.value || undefined)}
          data={[{ value: "", label: "All layers" }, ...functions.map(({ name }, at) => ({ value: name, label: names[at]! }))]}
          className={classes.select}
        />
        <span className="muted">{listing.disassembler}</span>
      </div>
      {!listing.lines && <p className={classes.note}>The compiler gave no line numbers for this object, so source and machine code are not linked.</p>}
      <div className={classes.panes}>
        {source.length > 0 && (
          <div className={classes.pane}>
            <h3 className={classes.paneTitle}>Source</h3>
            <LongList
              label="Source"
              count={source.length}
              active={pinned.source}
              onActive={pinSource}
              onHover={(row) => setHovered(row === null ? null : placeOf(source[row]))}
              rowProps={(row) => rowProps(source[row])}
            >
              {(row) => {
                const shown = source[row]!
                return shown.kind === "head" ? <FunctionHead title={names[shown.at]!} /> : <SourceLine row={shown} />
              }}
            </LongList>
          </div>
        )}
        <div className={classes.pane}>
          <h3 className={classes.paneTitle}>
            Machine code
            <span className={classes.legend}>{["offset", counted && "executed", timed && "cycles"].filter(Boolean).join(" · ")}</span>
          </h3>
          <LongList
            label="Machine code"
            count={asm.length}
            active={pinned.asm}
            onActive={pinAsm}
            onHover={(row) => setHovered(row === null ? null : placeOf(asm[row]))}
            rowProps={(row) => rowProps(asm[row])}
          >
            {(row) => {
              const shown = asm[row]!
              if (shown.kind === "head") return <FunctionHead title={names[shown.at]!} cost={costOf(functions[shown.at]!)} />
              if (shown.kind === "rest") return <FunctionHead title={`… and ${plural(shown.count, "instruction")} more`} />
              return <AsmLine instruction={shown.instruction} hottest={counted ? hottest[shown.at]! : null} timed={timed} />
            }}
          </LongList>
        </div>
      </div>
      <p className={classes.status} role="status">
        {pinned.place ? summary(asm, pinned.place) : `Choose a line to see what became of it.${counted ? " Executions are those of one inference." : ""}${timed ? " Cycles are estimates without waits for flash." : ""}`}
      </p>
    </section>
  )
}

interface Pin {
  asm: number | null
  source: number | null
  place: Place | null
}

const NOTHING: Pin = { asm: null, source: null, place: null }

/** The texts of all source files that functions are in, as lines. */
function useSourceFiles(id: string, functions: readonly ListedFunction[]): ReadonlyMap<string, readonly string[]> {
  const paths = useMemo(() => [...new Set(functions.flatMap(({ source }) => (source ? [source.file] : [])))], [functions])
  return useQueries({
    queries: paths.map((path) => fileQuery(id, path)),
    combine: (results) => new Map(results.flatMap(({ data }, at) => (data === undefined ? [] : [[paths[at]!, data.split("\n")] as const]))),
  })
}

function titleOf({ name, layers }: ListedFunction, report: Report): string {
  const users = layers.map((index) => report.layers[index]?.name).filter((user) => user !== undefined)
  return users.length > 0 ? `${users.length > 1 ? "layers" : "layer"} ${users.join(", ")} · ${name}` : name
}

function summary(asm: readonly AsmRow[], place: Place): string {
  const rows = asm.filter((row) => samePlace(placeOf(row), place))
  const instructions = rows.flatMap((row) => (row.kind === "code" ? [row.instruction] : []))
  const cost = costOf({ name: "", layers: [], source: null, left_out: 0, instructions })
  const parts = [`Line ${place.line}: ${plural(instructions.length, "instruction")}`]
  if (cost.executed !== null) parts.push(`${integer(cost.executed)} executed`)
  if (cost.cycles !== null) parts.push(`${compact(cost.cycles)} cycles`)
  return parts.join(", ")
}
