import { TextInput } from "@mantine/core"
import { useQuery } from "@tanstack/react-query"
import { getRouteApi } from "@tanstack/react-router"
import { useMemo } from "react"
import classes from "./operators.module.css"
import { catalogQuery } from "@/api/catalog"
import type { Operator } from "@/api/types"
import { columnHelper, type Columns, DataTable } from "@/components/data-table"
import { MarkedText } from "@/components/marked"
import { usePageTitle } from "@/components/page-title"
import { asError, Problem } from "@/components/problem"
import { plural } from "@/lib/format"

const route = getRouteApi("/operators")
const column = columnHelper<Operator>()

/** Every ONNX operator that is compiled: types, kernels, and what the ONNX project's own tests say. */
export function OperatorsPage() {
  const catalog = useQuery(catalogQuery)
  const { find = "" } = route.useSearch()
  const navigate = route.useNavigate()
  const all = catalog.data?.operators
  const found = useMemo(() => {
    const words = find.toLowerCase().split(/\s+/).filter(Boolean)
    return (all ?? []).filter((operator) => words.every((word) => about(operator).includes(word)))
  }, [all, find])
  const counted = found.some(({ cases }) => cases !== null)
  const typed = found.some(({ dtypes }) => dtypes.length > 0)
  const columns = useMemo(() => columnsOf(counted, typed), [counted, typed])
  usePageTitle("Operators")
  return (
    <>
      <h1>Operators</h1>
      <p className={`muted ${classes.intro}`}>
        Named as in ONNX; models of other formats are taken there first. Generic code works on every target; tuned kernels are there
        for the processor families that are named, and some operators are computed in the kernel of the layer before them.
      </p>
      {catalog.isError && <Problem error={asError(catalog.error)} />}
      <div className={classes.bar}>
        <TextInput
          aria-label="Find operators"
          type="search"
          placeholder="Find: operator, type, family"
          value={find}
          onChange={(event) => {
            const text = event.currentTarget.value
            void navigate({ search: text ? { find: text } : {}, replace: true })
          }}
          autoComplete="off"
        />
        <span className="muted" role="status">
          {catalog.isPending ? "Loading…" : plural(found.length, "operator")}
        </span>
      </div>
      {found.length > 0 && (
        <div className="panel">
          <DataTable caption="Operators" columns={columns} rows={found} />
        </div>
      )}
    </>
  )
}

function columnsOf(counted: boolean, typed: boolean): Columns<Operator> {
  return [
    column.accessor("name", { header: "Operator", sortFn: "alphanumeric", cell: ({ getValue }) => <code>{getValue()}</code> }),
    column.accessor((row) => row.precisions.join(", "), { id: "precisions", header: "Precision", meta: { wide: true } }),
    ...(typed
      ? [column.accessor((row) => row.dtypes.join(", "), { id: "dtypes", header: "Types", meta: { hint: "Element types of the test cases that pass" } })]
      : []),
    column.accessor(kernels, { id: "kernels", header: "Kernels", sortFn: "alphanumeric" }),
    ...(counted
      ? [
          column.accessor((row) => (row.cases ? (row.passed ?? 0) / row.cases : -1), {
            id: "cases",
            header: "Cases passed",
            sortFn: "basic",
            meta: { right: true, hint: "Test cases of the ONNX project that can be expressed on a microcontroller" },
            cell: ({ row }) => (row.original.cases === null ? "–" : `${row.original.passed ?? 0} of ${row.original.cases}`),
          }),
        ]
      : []),
    column.accessor("notes", { header: "What it does", enableSorting: false, meta: { wide: true }, cell: ({ getValue }) => <MarkedText text={getValue()} /> }),
  ] as Columns<Operator>
}

function kernels({ tuned, fused }: Operator): string {
  return ["generic", fused && "with the layer before", tuned.length > 0 && `tuned for ${tuned.join(", ")}`].filter(Boolean).join("; ")
}

function about(operator: Operator): string {
  return [operator.name, operator.notes, kernels(operator), ...operator.dtypes, ...operator.precisions].join(" ").toLowerCase()
}
