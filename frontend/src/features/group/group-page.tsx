import { Button, Tabs } from "@mantine/core"
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { getRouteApi, Link } from "@tanstack/react-router"
import { GroupBoards } from "./group-boards"
import { GroupPrecisions } from "./group-precisions"
import { GroupTable } from "./group-table"
import classes from "./group.module.css"
import { cancelOrDelete, groupQuery } from "@/api/compilations"
import type { Compilation } from "@/api/types"
import { useFavicon, usePageTitle } from "@/components/page-title"
import { asError, Problem } from "@/components/problem"
import { TimeAgo } from "@/components/time-ago"
import { plural } from "@/lib/format"
import { languageTitle } from "@/lib/languages"
import { GROUP_VIEWS, type GroupView } from "@/lib/search"
import { isSettled } from "@/lib/stages"

const route = getRouteApi("/groups/$id")

/** Compilations that were asked for together, compared; it fills while they run. */
export function GroupPage() {
  const { id } = route.useParams()
  const group = useQuery(groupQuery(id))
  if (group.isPending) return <p className="muted">Loading the compilations…</p>
  if (!group.data) return <Nothing error={asError(group.error)} />
  if (group.data.length === 0) {
    const error = { kind: "page", code: "", title: "There is no group of compilations with this name", where: id, facts: {}, help: "Its compilations may have been deleted." }
    return <Nothing error={error} />
  }
  return <Group id={id} jobs={group.data} />
}

function Nothing({ error }: { error: ReturnType<typeof asError> }) {
  return (
    <Problem heading error={error}>
      <Link to="/jobs">History</Link>
      <Link to="/">New compile</Link>
    </Problem>
  )
}

function Group({ id, jobs }: { id: string; jobs: Compilation[] }) {
  const { view = "costs" } = route.useSearch()
  const navigate = route.useNavigate()
  const onView = (next: GroupView) => void navigate({ search: next === "costs" ? {} : { view: next }, replace: true, resetScroll: false })
  const first = jobs[0]!
  const running = jobs.filter((job) => !isSettled(job.state))
  const failed = jobs.filter((job) => job.state === "failed")
  const done = jobs.length - running.length
  usePageTitle(running.length > 0 ? `${done}/${jobs.length} ${first.model.name}` : first.model.name)
  useFavicon(running.length > 0 ? "busy" : failed.length > 0 ? "bad" : "ok")
  const targets = new Set(jobs.map((job) => job.target))
  const precisions = new Set(jobs.map((job) => job.precision))
  const languages = new Set(jobs.map((job) => languageTitle(job.emit)))
  return (
    <>
      <header className={classes.header}>
        <div>
          <h1 className={classes.name}>{first.model.name}</h1>
          <p className="muted">
            {plural(jobs.length, "compilation")}: {plural(targets.size, "target")}, {[...languages, ...(precisions.size > 1 ? precisions : [])].join(", ")} · <TimeAgo iso={first.created_at} /> ·{" "}
            <Link to="/jobs" search={{ group: id }}>
              in the history
            </Link>
          </p>
        </div>
        {running.length > 0 && <CancelAll group={id} jobs={running} />}
      </header>
      <div className={classes.progress}>
        <progress max={jobs.length} value={done + running.reduce((sum, job) => sum + job.progress, 0)} aria-label="Compilations that have ended" />
        <p role="status">
          {done} of {jobs.length} ended{failed.length > 0 && `, ${failed.length} failed`}
        </p>
      </div>
      <Tabs value={view} onChange={(next) => onView(GROUP_VIEWS.find((known) => known === next) ?? "costs")} keepMounted={false}>
        <Tabs.List className={classes.tabList}>
          <Tabs.Tab value="costs">Costs</Tabs.Tab>
          {precisions.size > 1 && <Tabs.Tab value="precision">Precisions</Tabs.Tab>}
          <Tabs.Tab value="boards">Boards</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="costs">
          <GroupTable jobs={jobs} />
        </Tabs.Panel>
        <Tabs.Panel value="precision">
          <GroupPrecisions jobs={jobs} />
        </Tabs.Panel>
        <Tabs.Panel value="boards">
          <GroupBoards jobs={jobs} />
        </Tabs.Panel>
      </Tabs>
    </>
  )
}

function CancelAll({ group, jobs }: { group: string; jobs: Compilation[] }) {
  const client = useQueryClient()
  const cancel = useMutation({
    mutationFn: () => Promise.all(jobs.map((job) => cancelOrDelete(job.id))),
    onSettled: () => client.invalidateQueries({ queryKey: ["group", group] }),
  })
  return (
    <div>
      <Button variant="default" onClick={() => cancel.mutate()} loading={cancel.isPending}>
        Cancel what runs
      </Button>
      {cancel.isError && <Problem error={asError(cancel.error)} />}
    </div>
  )
}
