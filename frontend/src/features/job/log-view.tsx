import { Switch } from "@mantine/core"
import { useEffect, useRef, useState } from "react"
import classes from "./job.module.css"
import type { JobProgress } from "@/lib/events"
import { integer } from "@/lib/format"

/** The log as it grows. Scrolling up stops following; the switch, or the end of the log, takes it up again. */
export function LogView({ progress, live }: { progress: JobProgress; live: boolean }) {
  const [follow, setFollow] = useState(true)
  const box = useRef<HTMLDivElement>(null)
  const lines = progress.log

  useEffect(() => {
    if (follow && live && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [follow, live, lines])

  const onScroll = () => {
    if (!live || !box.current) return
    const { scrollTop, scrollHeight, clientHeight } = box.current
    setFollow(scrollHeight - scrollTop - clientHeight < 24)
  }

  return (
    <section className={`panel ${classes.logPanel}`} aria-labelledby="log-title">
      <div className="panel-head">
        <h2 id="log-title">Log</h2>
        {live && (
          <Switch
            size="xs"
            label="Follow"
            checked={follow}
            onChange={(event) => setFollow(event.currentTarget.checked)}
            labelPosition="left"
          />
        )}
      </div>
      {/* A region that scrolls must be reachable by keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div ref={box} className={classes.log} data-live={live || undefined} onScroll={onScroll} tabIndex={0} role="region" aria-label="Log lines">
        {lines.length === 0 && <p className="muted">{live ? "Nothing yet. Lines appear as the worker writes them." : "No lines were kept."}</p>}
        {progress.dropped > 0 && <p className="muted">{integer(progress.dropped)} earlier lines are not shown.</p>}
        <ol>
          {lines.map((line, index) => (
            <li key={`${line.id}.${index}`} data-kind={line.kind}>
              <span className={classes.logStage}>{line.stage}</span>
              <span>{line.text}</span>
            </li>
          ))}
        </ol>
      </div>
    </section>
  )
}
