import { Button, NativeSelect, TextInput } from "@mantine/core"
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query"
import { getRouteApi, Link } from "@tanstack/react-router"
import { useEffect, useState } from "react"
import classes from "./history.module.css"
import { JobTable } from "./job-table"
import { catalogQuery } from "@/api/catalog"
import { historyQuery } from "@/api/compilations"
import { Command } from "@/components/command"
import { usePageTitle } from "@/components/page-title"
import { asError, Problem } from "@/components/problem"
import { plural } from "@/lib/format"
import { type HistorySearch, historySearch } from "@/lib/search"
import { STATE_TITLES, STATES } from "@/lib/stages"

const route = getRouteApi("/jobs")
const TYPING_MS = 250

/** Every compilation, newest first; the filters live in the address, so that a view can be shared. */
export function HistoryPage() {
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const history = useInfiniteQuery({ ...historyQuery(search), placeholderData: keepPreviousData })
  const set = (part: Record<string, string>) =>
    void navigate({ search: historySearch({ ...search, ...part }), replace: true, resetScroll: false })
  usePageTitle("History")

  const jobs = history.data?.pages.flatMap((page) => page.items) ?? []
  const filtered = Object.keys(search).length > 0
  return (
    <>
      <div className={classes.head}>
        <h1>History</h1>
        <Filters search={search} onChange={set} />
      </div>
      {search.group && (
        <p className={classes.group}>
          Only one group of compilations.{" "}
          <Link to="/groups/$id" params={{ id: search.group }}>
            Compare them
          </Link>
          <Button variant="default" size="compact-xs" onClick={() => set({ group: "" })}>
            Show all groups
          </Button>
        </p>
      )}
      {history.isError && <Problem error={asError(history.error)} />}
      {history.isPending && <p className="muted">Loading the history…</p>}
      {history.isSuccess && jobs.length === 0 && (filtered ? <NothingMatches /> : <NothingYet />)}
      {jobs.length > 0 && <JobTable jobs={jobs} />}
      {jobs.length > 0 && (
        <div className={classes.more}>
          <p className="muted" role="status">
            {plural(jobs.length, "compilation")}
            {history.hasNextPage ? " shown" : filtered ? " found" : " in all"}
          </p>
          {history.hasNextPage && (
            <Button variant="default" onClick={() => void history.fetchNextPage()} loading={history.isFetchingNextPage}>
              Load older ones
            </Button>
          )}
        </div>
      )}
    </>
  )
}

function Filters({ search, onChange }: { search: HistorySearch; onChange: (part: Record<string, string>) => void }) {
  const catalog = useQuery(catalogQuery)
  const targets = new Set([...(catalog.data?.targets.map((target) => target.name) ?? []), ...(search.target ? [search.target] : [])])
  return (
    <search className={classes.filters}>
      <NameFilter value={search.model ?? ""} onChange={(model) => onChange({ model })} />
      <NativeSelect
        label="State"
        value={search.state ?? ""}
        onChange={(event) => onChange({ state: event.currentTarget.value })}
        data={[{ value: "", label: "Any" }, ...STATES.map((state) => ({ value: state, label: STATE_TITLES[state] }))]}
      />
      <NativeSelect
        label="Target"
        value={search.target ?? ""}
        onChange={(event) => onChange({ target: event.currentTarget.value })}
        data={[{ value: "", label: "Any" }, ...[...targets].map((target) => ({ value: target, label: target }))]}
      />
    </search>
  )
}

/** Waits for a pause in the typing before it asks the server. */
function NameFilter({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(value)
  const [seen, setSeen] = useState(value)
  if (value !== seen) {
    setSeen(value)
    if (value !== text.trim()) setText(value)
  }
  useEffect(() => {
    if (text.trim() === value) return
    const timer = setTimeout(() => onChange(text.trim()), TYPING_MS)
    return () => clearTimeout(timer)
  }, [text, value, onChange])
  return (
    <TextInput
      label="Model"
      type="search"
      placeholder="name or sha256"
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      autoComplete="off"
    />
  )
}

function NothingMatches() {
  return (
    <div className={`panel panel-body ${classes.empty}`}>
      <h2>Nothing matches these filters</h2>
      <p>
        <Link to="/jobs" search={{}}>
          Clear the filters
        </Link>{" "}
        to see every compilation.
      </p>
    </div>
  )
}

function NothingYet() {
  return (
    <div className={`panel panel-body ${classes.empty}`}>
      <h2>Nothing was compiled yet</h2>
      <p>Every compilation stays here with its report, whether it came from the browser, the command line or a script.</p>
      <p>
        <Link to="/">Drop a model, or try a sample</Link>. Or submit one from a terminal:
      </p>
      <Command
        what="REST"
        label="Copy as curl"
        text={`curl -sS -F model=@model.onnx -F 'options={"target":"cortex-m4"}' ${window.location.origin}/api/v1/compilations`}
      />
      <Command what="Without the service" label="Copy as CLI" text="deepmetal compile model.onnx --target cortex-m4 -o out" />
    </div>
  )
}
