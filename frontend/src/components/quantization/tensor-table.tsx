import { useMemo } from "react"
import { ErrorBar } from "./error-bar"
import classes from "./quantization.module.css"
import { RangeDrawing } from "./range-drawing"
import type { Quantization, QuantizedTensor } from "@/api/types"
import { columnHelper, type Columns, DataTable } from "@/components/data-table"
import { percent, small } from "@/lib/format"
import { decibels, worstFirst } from "@/lib/quantization"

const column = columnHelper<QuantizedTensor>()

/** Every tensor that became integers, those that hurt most first. */
export function TensorTable({ quantization }: { quantization: Quantization }) {
  const rows = useMemo(() => worstFirst(quantization), [quantization])
  return <DataTable caption="Quantised tensors, the worst first" columns={COLUMNS} rows={rows} rowProps={(row) => ({ "data-active": quantization.worst[0] === row.name || undefined })} />
}

const COLUMNS = column.columns([
  column.accessor("name", {
    header: "Tensor",
    sortFn: "alphanumeric",
    cell: ({ row: { original: tensor } }) => (
      <span className={classes.name} title={tensor.layer ? `computed by ${tensor.layer}` : "an input"}>
        <span>{tensor.name}</span>
        <span className={classes.below}>{tensor.op || "input"}</span>
      </span>
    ),
  }),
  column.accessor((row) => row.sqnr_db ?? undefined, {
    id: "sqnr",
    header: "Error up to here",
    sortUndefined: "last",
    meta: { hint: "Signal to noise against the float model, with all errors up to this tensor; a long bar is a large error" },
    cell: ({ row: { original: tensor } }) => <ErrorBar sqnr={tensor.sqnr_db} />,
  }),
  column.accessor((row) => row.alone_db ?? undefined, {
    id: "alone",
    header: "Alone",
    sortUndefined: "last",
    meta: { right: true, wide: true, hint: "The outputs' signal to noise when only this tensor is rounded" },
    cell: ({ row: { original: tensor } }) => <span>{decibels(tensor.alone_db)}</span>,
  }),
  column.accessor((row) => row.cosine ?? undefined, {
    id: "cosine",
    header: "Cosine",
    sortUndefined: "last",
    meta: { right: true, wide: true },
    cell: ({ row: { original: tensor } }) => <span>{tensor.cosine == null ? "–" : tensor.cosine.toFixed(5)}</span>,
  }),
  column.accessor("saturated", {
    header: "Cut off",
    sortDescFirst: true,
    meta: { right: true, hint: "Share of the values that lie beyond what the stored numbers cover" },
    cell: ({ getValue }) => (getValue() === 0 ? <span className="muted">none</span> : <span>{getValue() < 0.0005 ? "< 0.1 %" : percent(getValue())}</span>),
  }),
  column.accessor((row) => row.high - row.low, {
    id: "range",
    header: "Values seen",
    sortDescFirst: true,
    meta: { hint: "Frequencies as roots; the shaded part is what the stored numbers cover" },
    cell: ({ row: { original: tensor } }) => <RangeDrawing tensor={tensor} />,
  }),
  column.accessor("method", {
    header: "Range by",
    sortFn: "alphanumeric",
    meta: { wide: true },
    cell: ({ row: { original: tensor } }) => <span title={trials(tensor)}>{tensor.method}</span>,
  }),
  column.accessor("dtype", {
    header: "Stored as",
    sortFn: "alphanumeric",
    meta: { wide: true },
    cell: ({ row: { original: tensor } }) => (
      <span className={classes.name}>
        <span>{tensor.dtype}</span>
        <span className={`${classes.below} number`}>
          {small(tensor.scale)} × {tensor.zero_point === 0 ? "q" : `(q ${tensor.zero_point < 0 ? "+" : "−"} ${Math.abs(tensor.zero_point)})`}
        </span>
      </span>
    ),
  }),
]) as Columns<QuantizedTensor>

function trials({ trials: tried }: QuantizedTensor): string | undefined {
  const text = Object.entries(tried).map(([method, sqnr]) => `${method} ${decibels(sqnr)}`)
  return text.length > 0 ? `tried: ${text.join(", ")}` : undefined
}
