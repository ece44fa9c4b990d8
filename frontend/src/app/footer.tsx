import { useQuery } from "@tanstack/react-query"
import classes from "./shell.module.css"
import { healthQuery } from "@/api/health"
import type { Health } from "@/api/types"
import { plural } from "@/lib/format"

/** Which service this is, and whether it is well. */
export function Footer() {
  const { data: health, isError } = useQuery(healthQuery)
  return (
    <footer className={classes.footer}>
      <div>
        <span>DeepMetal {health?.version}</span>
        {isError && <span className={classes.unwell}>The server does not answer</span>}
        {health && <Workers health={health} />}
        {health?.checks
          .filter((check) => !check.ok && check.name !== "worker")
          .map((check) => (
            <span key={check.name} className={classes.unwell}>
              {check.name}: {check.detail || "not available"}
            </span>
          ))}
        <a href="/api/openapi.json">OpenAPI</a>
      </div>
    </footer>
  )
}

function Workers({ health: { workers } }: { health: Health }) {
  if (workers.length === 0) return <span className={classes.unwell}>no worker is running</span>
  const sandboxes = [...new Set(workers.map((worker) => worker.sandbox))].join(", ")
  return (
    <span>
      {plural(workers.length, "worker")}, sandbox {sandboxes}
    </span>
  )
}
