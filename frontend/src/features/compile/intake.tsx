import { Button } from "@mantine/core"
import { useQuery } from "@tanstack/react-query"
import { useRef } from "react"
import classes from "./new-compile.module.css"
import type { InspectionPhase } from "./use-inspection"
import { catalogQuery } from "@/api/catalog"
import { UploadIcon } from "@/components/icons"
import { bytes, percent, plural } from "@/lib/format"

interface Props {
  phase: Exclude<InspectionPhase, { step: "ready" }>
  onFiles: (files: File[]) => void
  onStop: () => void
}

/** Where a model comes in; the same box then shows how far it has come. */
export function Intake({ phase, onFiles, onStop }: Props) {
  const input = useRef<HTMLInputElement>(null)
  const formats = useQuery(catalogQuery).data?.formats ?? []
  const busy = phase.step === "uploading" || phase.step === "inspecting"
  return (
    <section className={classes.intake} aria-label="Model" data-busy={busy || undefined}>
      {busy ? (
        <>
          <p className={classes.fileName}>{phase.name}</p>
          <progress
            className={classes.progress}
            aria-label={phase.step === "uploading" ? "Upload" : "Inspection"}
            {...(phase.step === "uploading" && { max: 1, value: phase.sent })}
          />
          <p className="muted" role="status">
            {phase.step === "uploading"
              ? `Uploading ${bytes(phase.size)}: ${percent(phase.sent, 0)}`
              : "A worker is looking into the model…"}
          </p>
          <Button variant="default" size="compact-sm" onClick={onStop}>
            Stop
          </Button>
        </>
      ) : (
        <>
          <span className={classes.intakeIcon}>
            <UploadIcon size={26} />
          </span>
          <p className={classes.invitation}>Drop a model anywhere in this window</p>
          <Button onClick={() => input.current?.click()}>Choose a file</Button>
          <p className="muted">Its content decides what it is, not its name. Pasting a file works too.</p>
          {formats.length > 0 && (
            <details className={classes.formats}>
              <summary>What can be compiled: {plural(formats.length, "format")}</summary>
              <ul>
                {formats.map(({ kind, title, extensions }) => (
                  <li key={kind}>
                    {title}
                    {extensions.length > 0 && <code className="muted"> {extensions.join(" ")}</code>}
                  </li>
                ))}
              </ul>
            </details>
          )}
          <input
            ref={input}
            type="file"
            className="visually-hidden"
            tabIndex={-1}
            aria-label="Model file"
            onChange={(event) => {
              const files = [...(event.target.files ?? [])]
              event.target.value = ""
              if (files.length > 0) onFiles(files)
            }}
          />
        </>
      )}
    </section>
  )
}
