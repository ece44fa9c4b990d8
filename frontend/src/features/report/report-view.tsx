import { Tabs } from "@mantine/core"
import { useSuspenseQuery } from "@tanstack/react-query"
import { lazy, type ReactNode, Suspense } from "react"
import { BoardsView } from "./boards-view"
import { BuildInfo } from "./build-info"
import { Downloads } from "./downloads"
import { GraphTab } from "./graph-tab"
import { Headline } from "./headline"
import { LayerTable } from "./layer-table"
import { MemoryMap } from "./memory-map"
import { MixView } from "./mix-view"
import { Passes } from "./passes"
import { QuantizationView } from "./quantization-view"
import classes from "./report.module.css"
import { SectionMap } from "./section-map"
import { Totals } from "./totals"
import { ValidationPanel } from "./validation"
import { reportQuery } from "@/api/compilations"
import type { Compilation } from "@/api/types"
import { type JobSearch, REPORT_TABS, type ReportTab } from "@/lib/search"

const AssemblyView = lazy(() => import("./assembly-view").then(({ AssemblyView }) => ({ default: AssemblyView })))
const SourceView = lazy(() => import("./source-view").then(({ SourceView }) => ({ default: SourceView })))

const TAB_TITLES: Record<ReportTab, string> = {
  layers: "Layers",
  quantization: "Quantisation",
  graph: "Graph",
  mix: "Instructions",
  memory: "Memory",
  assembly: "Assembly",
  source: "Source",
  boards: "Boards",
  validation: "Validation",
  passes: "Passes",
  build: "Build",
  log: "Log",
}

interface Props {
  job: Compilation
  search: JobSearch
  onSearch: (search: JobSearch) => void
  log: ReactNode
}

/** The report of one compilation: the verdict, then the totals, then everything else. */
export function ReportView({ job, search, onSearch, log }: Props) {
  const { data: report } = useSuspenseQuery(reportQuery(job.id))
  const quantized = report.quantization !== null || report.accuracy !== null
  const tabs = REPORT_TABS.filter((name) => name !== "quantization" || quantized)
  const tab = tabs.find((name) => name === search.tab) ?? "layers"
  return (
    <>
      <Headline report={report} />
      <div className={classes.top}>
        <Totals report={report} />
        <Downloads job={job} />
      </div>
      <Tabs
        value={tab}
        onChange={(next) => onSearch({ tab: REPORT_TABS.find((known) => known === next) ?? "layers" })}
        keepMounted={false}
        className={classes.tabs}
      >
        <Tabs.List className={classes.tabList}>
          {tabs.map((name) => (
            <Tabs.Tab key={name} value={name}>
              {TAB_TITLES[name]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="layers">
          <LayerTable
            report={report}
            onKernel={(symbol) => onSearch({ tab: "source", symbol })}
            onAssembly={(symbol) => onSearch({ tab: "assembly", symbol })}
          />
        </Tabs.Panel>
        <Tabs.Panel value="quantization">
          <QuantizationView report={report} />
        </Tabs.Panel>
        <Tabs.Panel value="graph">
          <GraphTab job={job} />
        </Tabs.Panel>
        <Tabs.Panel value="mix">
          <MixView report={report} />
        </Tabs.Panel>
        <Tabs.Panel value="assembly">
          <Suspense fallback={<p className="muted">Loading the machine code…</p>}>
            <AssemblyView job={job} report={report} symbol={search.symbol} onSymbol={(symbol) => onSearch({ tab: "assembly", ...(symbol && { symbol }) })} />
          </Suspense>
        </Tabs.Panel>
        <Tabs.Panel value="boards">
          <BoardsView report={report} />
        </Tabs.Panel>
        <Tabs.Panel value="memory">
          <div className={classes.memory}>
            <SectionMap report={report} />
            <MemoryMap report={report} />
          </div>
        </Tabs.Panel>
        <Tabs.Panel value="validation">
          <ValidationPanel report={report} />
        </Tabs.Panel>
        <Tabs.Panel value="passes">
          <Passes report={report} />
        </Tabs.Panel>
        <Tabs.Panel value="source">
          <Suspense fallback={<p className="muted">Loading the source view…</p>}>
            <SourceView
              job={job}
              file={search.file}
              symbol={search.symbol}
              onFile={(file) => onSearch({ tab: "source", file })}
            />
          </Suspense>
        </Tabs.Panel>
        <Tabs.Panel value="build">
          <BuildInfo report={report} />
        </Tabs.Panel>
        <Tabs.Panel value="log">{log}</Tabs.Panel>
      </Tabs>
    </>
  )
}
