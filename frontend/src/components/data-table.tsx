import {
  type ColumnDef,
  createColumnHelper,
  createSortedRowModel,
  metaHelper,
  rowSortingFeature,
  sortFn_alphanumeric,
  sortFn_basic,
  tableFeatures,
  useTable,
} from "@tanstack/react-table"
import type { ReactNode } from "react"
import { ArrowDownIcon, ArrowUpIcon } from "./icons"
import classes from "./data-table.module.css"

interface ColumnMeta {
  /** Numbers stand to the right. */
  right?: boolean
  /** Left out on narrow screens. */
  wide?: boolean
  /** What the column means, shown on hover of its title. */
  hint?: string
}

const features = tableFeatures({
  rowSortingFeature,
  sortedRowModel: createSortedRowModel(),
  sortFns: { alphanumeric: sortFn_alphanumeric, basic: sortFn_basic },
  columnMeta: metaHelper<ColumnMeta>(),
})

export type Columns<Row extends object> = ColumnDef<typeof features, Row>[]
export const columnHelper = <Row extends object>() => createColumnHelper<typeof features, Row>()

interface Props<Row extends object> {
  caption: string
  columns: Columns<Row>
  rows: Row[]
  /** Index of the column that names the row. */
  heading?: number
  footer?: ReactNode
  rowProps?: (row: Row) => React.HTMLAttributes<HTMLTableRowElement> & { "data-active"?: boolean | undefined }
}

/** A table whose columns sort, by mouse and keyboard, and say so to screen readers. */
export function DataTable<Row extends object>({ caption, columns, rows, heading = 0, footer, rowProps }: Props<Row>) {
  const table = useTable({ features, columns, data: rows, enableMultiSort: false })
  return (
    // A region that scrolls must be reachable by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={`scroll-x ${classes.scroll}`} role="region" aria-label={caption} tabIndex={0}>
      <table className="table">
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id}>
              {group.headers.map((header) => {
                const sorted = header.column.getIsSorted()
                const meta = header.column.columnDef.meta
                return (
                  <th
                    key={header.id}
                    scope="col"
                    className={cell(meta)}
                    aria-sort={sorted === "asc" ? "ascending" : sorted === "desc" ? "descending" : undefined}
                  >
                    {header.column.getCanSort() ? (
                      <button type="button" className={classes.sort} title={meta?.hint} onClick={header.column.getToggleSortingHandler()}>
                        <table.FlexRender header={header} />
                        <span className={classes.arrow}>
                          {sorted === "asc" ? <ArrowUpIcon size={12} /> : sorted === "desc" ? <ArrowDownIcon size={12} /> : null}
                        </span>
                      </button>
                    ) : (
                      <table.FlexRender header={header} />
                    )}
                  </th>
                )
              })}
            </tr>
          ))}
        </thead>
        <tbody>
          {table.getRowModel().rows.map((row) => (
            <tr key={row.id} {...rowProps?.(row.original)}>
              {row.getAllCells().map((item, index) => {
                const className = cell(item.column.columnDef.meta)
                return index === heading ? (
                  <th key={item.id} scope="row" className={className}>
                    <table.FlexRender cell={item} />
                  </th>
                ) : (
                  <td key={item.id} className={className}>
                    <table.FlexRender cell={item} />
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
        {footer && <tfoot>{footer}</tfoot>}
      </table>
    </div>
  )
}

function cell(meta: ColumnMeta | undefined): string | undefined {
  const names = [meta?.right && "right", meta?.wide && "wide-only"].filter(Boolean)
  return names.length > 0 ? names.join(" ") : undefined
}
