import { useState } from "react"
import { Intake } from "./intake"
import classes from "./new-compile.module.css"
import { RecentJobs } from "./recent-jobs"
import { Samples } from "./samples"
import { useInspection } from "./use-inspection"
import { useWindowDrop } from "./use-window-drop"
import { Setup } from "./setup"
import { usePageTitle } from "@/components/page-title"
import { ErrorLink } from "@/components/error-link"
import { Problem } from "@/components/problem"

/** Drop a model, see what is in it, compile with one click. */
export function NewCompilePage() {
  const { phase, start, checkAgain, reset } = useInspection()
  const [surplus, setSurplus] = useState(0)
  const take = (files: File[]) => {
    setSurplus(files.length - 1)
    void start({ file: files[0]! })
  }
  const hovering = useWindowDrop(take)
  usePageTitle(phase.step === "idle" ? "New compile" : phase.name)

  return (
    <>
      {hovering && (
        <div className={classes.overlay} aria-hidden="true">
          <p>Drop the model to look into it</p>
        </div>
      )}
      {phase.step === "ready" ? (
        <Setup
          key={phase.inspection.sha256}
          phase={phase}
          onCheck={(options) => void checkAgain(phase, options)}
          onReset={reset}
        >
          {surplus > 0 && <p className="muted">One model is compiled at a time: this is the first of {surplus + 1} files.</p>}
        </Setup>
      ) : (
        <div className={classes.start}>
          <h1>Compile a model</h1>
          {phase.step === "failed" && (
            <Problem error={phase.error}>
              {phase.error.code && <ErrorLink code={phase.error.code} />}
            </Problem>
          )}
          <Intake phase={phase} onFiles={take} onStop={reset} />
          {(phase.step === "idle" || phase.step === "failed") && (
            <>
              <Samples onTry={(sample) => void start({ sample })} />
              <RecentJobs />
            </>
          )}
        </div>
      )}
    </>
  )
}
