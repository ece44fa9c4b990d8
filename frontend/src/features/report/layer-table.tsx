import { useMemo } from "react"
import classes from "./report.module.css"
import type { Report, ReportLayer } from "@/api/types"
import { columnHelper, type Columns, DataTable } from "@/components/data-table"
import { Bytes } from "@/components/quantity"
import { compact, errorMargin, integer, milliseconds, percent, plural, scientific, shape, small } from "@/lib/format"

interface Row extends ReportLayer {
  index: number
  flashTotal: number
}

const column = columnHelper<Row>()

interface Props {
  report: Report
  onKernel: (symbol: string) => void
  onAssembly: (symbol: string) => void
}

/** Every layer with its cost; the longest bar is where the time goes. */
export function LayerTable({ report, onKernel, onAssembly }: Props) {
  const rows = useMemo<Row[]>(
    () => report.layers.map((layer, index) => ({ ...layer, index, flashTotal: (layer.flash.code ?? 0) + layer.flash.weights })),
    [report.layers],
  )
  const total = report.totals.instructions ?? 0
  const margin = report.totals.cycles === null ? null : errorMargin(report.totals.cycles_error_percent)
  const columns = useMemo(() => layerColumns({ rows, total, margin, onKernel, onAssembly }), [rows, total, margin, onKernel, onAssembly])
  const sum = (pick: (row: Row) => number | null) => rows.reduce((all, row) => all + (pick(row) ?? 0), 0)
  return (
    <div className="panel">
      <DataTable
        caption="Layers"
        heading={1}
        columns={columns}
        rows={rows}
        footer={
          <tr>
            <td className="wide-only" />
            <th scope="row">{plural(rows.length, "layer")}</th>
            <td className="wide-only" />
            <td className="right wide-only">{compact(sum((row) => row.macs))}</td>
            <td className="right">{total > 0 ? compact(sum((row) => row.instructions)) : "–"}</td>
            {margin !== null && <td className="right wide-only">{compact(sum((row) => row.cycles))}</td>}
            <td className="right">
              <Bytes value={sum((row) => row.flashTotal)} />
            </td>
            <td className="right wide-only" title="The largest of them; layers share the arena">
              <Bytes value={Math.max(0, ...rows.map((row) => row.ram_live))} />
            </td>
            <td className="right" />
            <td className="wide-only" />
          </tr>
        }
      />
    </div>
  )
}

/** What the core is estimated to take; how far that may be off stands in the title of the column. */
function cyclesColumn(margin: string) {
  return column.accessor((row) => row.cycles ?? undefined, {
    id: "cycles",
    header: () => (
      <span>
        Cycles <span className={classes.share}>{margin}</span>
      </span>
    ),
    sortDescFirst: true,
    sortUndefined: "last",
    meta: { right: true, wide: true, hint: `Estimated by the core's pipeline model, ${margin}; below it the time at the clock` },
    cell: ({ row: { original: layer } }) => (
      <span title={layer.cycles == null ? "not estimated" : integer(layer.cycles)}>
        {compact(layer.cycles)}
        {layer.latency_ms != null && <span className={classes.below}>{milliseconds(layer.latency_ms)}</span>}
      </span>
    ),
  })
}

interface Context extends Omit<Props, "report"> {
  rows: readonly Row[]
  total: number
  margin: string | null
}

function layerColumns({ rows, total, margin, onKernel, onAssembly }: Context): Columns<Row> {
  const most = Math.max(1, ...rows.map((row) => row.instructions ?? row.macs))
  return column.columns([
    column.accessor("index", {
      header: "#",
      meta: { wide: true },
      cell: ({ getValue }) => <span className="muted">{getValue()}</span>,
    }),
    column.accessor("name", {
      header: "Layer",
      sortFn: "alphanumeric",
      cell: ({ row: { original: layer } }) => (
        <span className={classes.layer} title={layer.source_nodes.length > 0 ? `from ${layer.source_nodes.join(", ")}` : undefined}>
          <span className={classes.layerName}>{layer.name}</span>
          <span className={classes.layerOp}>{layer.op}</span>
        </span>
      ),
    }),
    column.accessor((row) => row.output_shape.join(","), {
      id: "shape",
      header: "Output",
      enableSorting: false,
      meta: { wide: true },
      cell: ({ row: { original: layer } }) => (
        <span className="number" title={`${layer.input_shapes.map(shape).join(" and ")} → ${shape(layer.output_shape)}, ${layer.dtype}`}>
          {shape(layer.output_shape)}
        </span>
      ),
    }),
    column.accessor("macs", {
      header: "MACs",
      sortDescFirst: true,
      meta: { right: true, wide: true, hint: "Multiply-accumulates" },
      cell: ({ getValue }) => <span title={integer(getValue())}>{getValue() === 0 ? "–" : compact(getValue())}</span>,
    }),
    column.accessor((row) => row.instructions ?? undefined, {
      id: "instructions",
      header: "Instructions",
      sortDescFirst: true,
      sortUndefined: "last",
      meta: { right: true, hint: "Executed on the emulator; not cycles" },
      cell: ({ row: { original: layer } }) => <InstructionsCell layer={layer} most={most} total={total} />,
    }),
    ...(margin === null ? [] : [cyclesColumn(margin)]),
    column.accessor("flashTotal", {
      header: "Flash",
      sortDescFirst: true,
      meta: { right: true, hint: "Code and weights" },
      cell: ({ row: { original: layer } }) => (
        <span title={`code ${layer.flash.code === 0 ? "shared with an earlier layer" : integer(layer.flash.code)}, weights ${integer(layer.flash.weights)} bytes`}>
          <Bytes value={layer.flashTotal} />
        </span>
      ),
    }),
    column.accessor("ram_live", {
      header: "RAM",
      sortDescFirst: true,
      meta: { right: true, wide: true, hint: "Bytes of the arena alive while the layer runs" },
      cell: ({ getValue }) => <Bytes value={getValue()} />,
    }),
    column.accessor((row) => row.error?.max_abs ?? undefined, {
      id: "error",
      header: "Max error",
      sortDescFirst: true,
      sortUndefined: "last",
      meta: { right: true, hint: "Largest absolute difference from the reference, over all vectors" },
      cell: ({ row: { original: layer } }) =>
        layer.error ? (
          <span title={`mean ${small(layer.error.mean_abs)}, SQNR ${layer.error.sqnr_db == null ? "–" : `${layer.error.sqnr_db.toFixed(1)} dB`}`}>
            {scientific(layer.error.max_abs)}
          </span>
        ) : (
          <span className="muted" title="not compared">
            –
          </span>
        ),
    }),
    column.accessor("kernel", {
      header: "Kernel",
      sortFn: "alphanumeric",
      meta: { wide: true, hint: "The generated function and how it runs" },
      cell: ({ row: { original: layer } }) => (
        <span className={classes.kernel}>
          <button type="button" className={classes.kernelLink} onClick={() => onKernel(layer.kernel)} title="Show the source">
            {layer.kernel}
          </button>
          <span className="muted">
            {layer.schedule} ·{" "}
            <button type="button" className={classes.kernelLink} onClick={() => onAssembly(layer.kernel)} aria-label={`Assembly of ${layer.kernel}`}>
              assembly
            </button>
          </span>
        </span>
      ),
    }),
  ]) as Columns<Row>
}

function InstructionsCell({ layer, most, total }: { layer: Row; most: number; total: number }) {
  if (layer.instructions == null) return <span className="muted">–</span>
  return (
    <span className={classes.barCell} title={integer(layer.instructions)}>
      <span className={classes.barTrack} aria-hidden="true">
        <span className={classes.bar} style={{ inlineSize: `${(layer.instructions / most) * 100}%` }} />
      </span>
      <span>{compact(layer.instructions)}</span>
      <span className={classes.share}>{total > 0 ? percent(layer.instructions / total) : ""}</span>
    </span>
  )
}
