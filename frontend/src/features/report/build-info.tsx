import classes from "./report.module.css"
import type { Report } from "@/api/types"
import { Command } from "@/components/command"
import { seconds } from "@/lib/format"
import { STAGE_TITLES } from "@/lib/stages"

/** Tools, flags, options and times: what is needed to repeat this. */
export function BuildInfo({ report }: { report: Report }) {
  const { toolchain, options, timings } = report
  const spent = Object.values(timings).reduce((sum, value) => sum + value, 0)
  return (
    <div className={classes.build}>
      <section className="panel" aria-labelledby="tools">
        <div className="panel-head">
          <h2 id="tools">Tools</h2>
        </div>
        <dl className={classes.rows}>
          <div>
            <dt>DeepMetal</dt>
            <dd>{report.deepmetal_version}</dd>
          </div>
          <div>
            <dt>Compiler</dt>
            <dd>
              {toolchain.compiler} {toolchain.compiler_version}
            </dd>
          </div>
          {toolchain.emulator && (
            <div>
              <dt>Emulator</dt>
              <dd>
                {toolchain.emulator} {toolchain.emulator_version}
              </dd>
            </div>
          )}
          {toolchain.counting && (
            <div>
              <dt>Instructions counted by</dt>
              <dd>{toolchain.counting}</dd>
            </div>
          )}
          {toolchain.sandbox && (
            <div>
              <dt>Sandbox</dt>
              <dd>{toolchain.sandbox}</dd>
            </div>
          )}
          <div>
            <dt>Model sha256</dt>
            <dd className="mono">{report.model.sha256}</dd>
          </div>
        </dl>
        <div className="panel-body">
          <Command what="Flags" label="Copy" text={toolchain.flags.join(" ")} />
        </div>
      </section>
      <section className="panel" aria-labelledby="option-list">
        <div className="panel-head">
          <h2 id="option-list">Options</h2>
        </div>
        <dl className={classes.rows}>
          {Object.entries(options).map(([name, value]) => (
            <div key={name}>
              <dt className="mono">{name}</dt>
              <dd className="mono">{typeof value === "string" ? value : JSON.stringify(value)}</dd>
            </div>
          ))}
        </dl>
      </section>
      <section className="panel" aria-labelledby="timings">
        <div className="panel-head">
          <h2 id="timings">Compile time</h2>
          <span className="muted number">{seconds(spent)}</span>
        </div>
        <dl className={classes.rows}>
          {Object.entries(timings).map(([stage, value]) => (
            <div key={stage}>
              <dt>{(STAGE_TITLES as Record<string, string>)[stage] ?? stage}</dt>
              <dd className="number">{seconds(value)}</dd>
            </div>
          ))}
        </dl>
      </section>
    </div>
  )
}
