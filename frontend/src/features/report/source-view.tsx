import { NativeSelect } from "@mantine/core"
import { useQuery } from "@tanstack/react-query"
import { CodeView } from "./code-view"
import classes from "./report.module.css"
import { type ArtifactFile, useFiles } from "./use-files"
import { fileQuery, fileUrl } from "@/api/compilations"
import type { Compilation } from "@/api/types"
import { DownloadIcon } from "@/components/icons"
import { asError, Problem } from "@/components/problem"
import { bytes } from "@/lib/format"
import { languageOf } from "@/lib/source"

/** Past this a browser is the wrong tool to read a file. */
const LARGEST_BYTES = 4 * 1024 * 1024

interface Props {
  job: Compilation
  file: string | undefined
  symbol: string | undefined
  onFile: (path: string) => void
}

/** The generated source and the other readable files of the artifact. */
export function SourceView({ job, file, symbol, onFile }: Props) {
  const files = useFiles(job.id)
  if (files.isError) return <Problem error={asError(files.error)} />
  if (files.isPending) return <p className="muted">Reading the list of files…</p>
  const readable = files.data.filter(({ path }) => languageOf(path) !== null)
  const main = readable.find(({ path }) => /^src\/.*\.(c|cpp|ll)$/.test(path)) ?? readable[0]
  const shown = readable.find(({ path }) => path === file) ?? main
  if (!shown) return <p className="muted">This artifact has no readable file.</p>
  return (
    <section className="panel" aria-label="Source">
      <div className="panel-head">
        <NativeSelect
          aria-label="File"
          value={shown.path}
          onChange={(event) => onFile(event.currentTarget.value)}
          data={readable.map(({ path, bytes: size }) => ({ value: path, label: size === null ? path : `${path}  (${bytes(size)})` }))}
          className={classes.fileSelect}
        />
        <a href={fileUrl(job.id, shown.path)} download className={classes.iconLink}>
          <DownloadIcon /> Download this file
        </a>
      </div>
      <FileText key={shown.path} id={job.id} file={shown} symbol={shown === main ? symbol : undefined} />
    </section>
  )
}

function FileText({ id, file, symbol }: { id: string; file: ArtifactFile; symbol: string | undefined }) {
  const tooLarge = file.bytes !== null && file.bytes > LARGEST_BYTES
  const text = useQuery({ ...fileQuery(id, file.path), enabled: !tooLarge })
  if (tooLarge) {
    return (
      <p className="panel-body">
        This file is {bytes(file.bytes)}, too large to show here. <a href={fileUrl(id, file.path)}>Download it</a> instead.
      </p>
    )
  }
  if (text.isError) {
    return (
      <div className="panel-body">
        <Problem error={asError(text.error)} />
      </div>
    )
  }
  if (text.isPending) return <p className="panel-body muted">Loading {file.path}…</p>
  return <CodeView text={text.data} language={languageOf(file.path) ?? "text"} symbol={symbol} label={file.path} />
}
