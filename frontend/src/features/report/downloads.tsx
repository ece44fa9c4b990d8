import { Button } from "@mantine/core"
import { useQuery } from "@tanstack/react-query"
import classes from "./report.module.css"
import { useFiles } from "./use-files"
import { catalogQuery } from "@/api/catalog"
import { artifactUrl, fileUrl, packUrl } from "@/api/compilations"
import type { Compilation } from "@/api/types"
import { Command } from "@/components/command"
import { DownloadIcon } from "@/components/icons"
import { asError, Problem } from "@/components/problem"
import { Bytes } from "@/components/quantity"
import { chosen, cliText, curlText, withDefaults } from "@/lib/options"
import { isMadeFor } from "@/lib/packs"

/** Everything there is to take home, and how to make it again. */
export function Downloads({ job }: { job: Compilation }) {
  const files = useFiles(job.id)
  const catalog = useQuery(catalogQuery)
  const packs = catalog.data?.packs.filter((pack) => isMadeFor(pack, [job.target], [job.emit])) ?? []
  const options = withDefaults(job.options)
  const origin = window.location.origin
  return (
    <section className="panel" aria-labelledby="downloads">
      <div className="panel-head">
        <h2 id="downloads">Take it home</h2>
      </div>
      <div className={`panel-body ${classes.downloads}`}>
        <Button component="a" href={artifactUrl(job.id)} download leftSection={<DownloadIcon />}>
          Download the zip
        </Button>
        {packs.length > 0 && (
          <details className={classes.details}>
            <summary>For a build system ({packs.length})</summary>
            <ul className={classes.packs}>
              {packs.map((pack) => (
                <li key={pack.name}>
                  <Button component="a" href={packUrl(job.id, pack.name)} download variant="default" size="compact-sm" leftSection={<DownloadIcon />}>
                    {pack.title}
                  </Button>
                  <p className="muted">{pack.description}</p>
                </li>
              ))}
            </ul>
          </details>
        )}
        <details className={classes.details}>
          <summary>Single files{files.data ? ` (${files.data.length})` : ""}</summary>
          {files.isError && <Problem error={asError(files.error)} />}
          {files.isPending && <p className="muted">Reading the manifest…</p>}
          <ul className={classes.files}>
            {files.data?.map(({ path, bytes }) => (
              <li key={path}>
                <a href={fileUrl(job.id, path)} download className="mono">
                  {path}
                </a>
                <span className="muted">
                  <Bytes value={bytes} />
                </span>
              </li>
            ))}
          </ul>
        </details>
        <details className={classes.details}>
          <summary>Copy as CLI or curl</summary>
          <div className={classes.commandList}>
            <Command what="Command line" label="Copy as CLI" text={cliText(job.model.name, options)} />
            <Command what="REST" label="Copy as curl" text={curlText(job.model.name, chosen(options), origin)} />
            <Command what="Fetch this zip" label="Copy" text={`curl -sS -OJ ${origin}${artifactUrl(job.id)}`} />
          </div>
        </details>
      </div>
    </section>
  )
}
