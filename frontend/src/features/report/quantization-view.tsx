import type { ReactNode } from "react"
import classes from "./quantization-view.module.css"
import type { Accuracy, Quantization, Report } from "@/api/types"
import { WarnIcon } from "@/components/icons"
import { Confusion } from "@/components/quantization/confusion"
import { TensorTable } from "@/components/quantization/tensor-table"
import { bytes, integer, percent, plural } from "@/lib/format"
import { decibels, pointsLost, pointsText, uncertainty } from "@/lib/quantization"

/** What the step to integers did, what it cost, and where: the worst tensors first. */
export function QuantizationView({ report }: { report: Report }) {
  const { quantization, accuracy } = report
  if (!quantization && !accuracy) {
    return (
      <section className="panel panel-body">
        <p>
          Nothing was quantised here: the model was compiled in the arithmetic that it came in. Compile a float model with the precision int8
          or int8 weights to see here what that costs.
        </p>
      </section>
    )
  }
  return (
    <div className={classes.view}>
      {quantization?.synthetic && (
        <p className={classes.warning} role="alert">
          <WarnIcon size={18} />
          <span>
            <strong>No calibration data were given.</strong> The ranges below come from made-up inputs and may be far off. Compile again with
            some hundred typical inputs.
          </span>
        </p>
      )}
      <div className={classes.top}>
        {quantization && <Summary quantization={quantization} report={report} />}
        {accuracy && <AccuracyPanel accuracy={accuracy} />}
      </div>
      {quantization && quantization.suggestions.length > 0 && (
        <section className="panel" aria-labelledby="suggestions">
          <div className="panel-head">
            <h2 id="suggestions">What would help</h2>
          </div>
          <ul className={classes.suggestions}>
            {quantization.suggestions.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </section>
      )}
      {quantization && <Details quantization={quantization} />}
      {accuracy?.confusion && (
        <section className="panel" aria-labelledby="confusion">
          <div className="panel-head">
            <h2 id="confusion">Which classes are confused</h2>
          </div>
          <div className={classes.matrices}>
            <Confusion matrix={accuracy.confusion} title="Compiled" />
            {accuracy.confusion_float32 && <Confusion matrix={accuracy.confusion_float32} title="float32" />}
          </div>
        </section>
      )}
    </div>
  )
}

function Details({ quantization }: { quantization: Quantization }) {
  const { steps, tensors, promoted, floats } = quantization
  const inMoreBits = Object.entries(promoted)
  return (
    <>
      {tensors.length > 0 && (
        <section className="panel" aria-labelledby="tensors">
          <div className="panel-head">
            <h2 id="tensors">Tensors, the worst first</h2>
            <span className="muted">{plural(tensors.length, "tensor")} measured against the float model</span>
          </div>
          <TensorTable quantization={quantization} />
        </section>
      )}
      {(inMoreBits.length > 0 || floats.length > 0) && (
        <section className="panel" aria-labelledby="not-int8">
          <div className="panel-head">
            <h2 id="not-int8">What is not int8</h2>
          </div>
          <ul className={classes.suggestions}>
            {inMoreBits.map(([layer, dtype]) => (
              <li key={layer}>
                <span className="mono">{layer}</span> stays {dtype}
              </li>
            ))}
            {floats.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </section>
      )}
      {steps.length > 0 && (
        <section className="panel" aria-labelledby="steps">
          <div className="panel-head">
            <h2 id="steps">Steps of the quantiser</h2>
          </div>
          {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a region that scrolls must be reachable */}
          <div className="scroll-x" role="region" aria-label="Steps, as a table" tabIndex={0}>
            <table className="table">
              <thead>
                <tr>
                  <th scope="col">Step</th>
                  <th scope="col">What it did</th>
                  <th scope="col" className="right">
                    Outputs after it
                  </th>
                </tr>
              </thead>
              <tbody>
                {steps.map((step, index) => (
                  <tr key={`${index} ${step.name}`}>
                    <th scope="row">{step.name}</th>
                    <td>{step.effect}</td>
                    <td className="right">{step.sqnr_db == null ? <span className="muted">not measured</span> : decibels(step.sqnr_db)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </section>
      )}
    </>
  )
}

function Summary({ quantization, report }: { quantization: Quantization; report: Report }) {
  const { weights } = report.totals.flash
  const asFloat = report.model.parameters * 4
  return (
    <section className="panel" aria-labelledby="quantised">
      <div className="panel-head">
        <h2 id="quantised">Quantised to {quantization.precision}</h2>
      </div>
      <dl className={classes.facts}>
        {quantization.precision === "int8" && (
          <Fact name="Calibrated with" detail={quantization.synthetic ? "a guess: no data were given" : plural(quantization.samples, "sample")}>
            {quantization.calibration}
          </Fact>
        )}
        <Fact name="Outputs, signal to noise" detail="against the float model, before a final softmax">
          {decibels(quantization.sqnr_db)}
        </Fact>
        <Fact name="Same largest output" detail="as the float model">
          {percent(quantization.agreement)}
        </Fact>
        {weights !== null && (
          <Fact name="Weights" detail={`${bytes(asFloat)} as float32${weights > 0 ? `: ${(asFloat / weights).toFixed(1)}× as much` : ""}`}>
            {bytes(weights)}
          </Fact>
        )}
        {quantization.precision === "int8" && <Fact name="Effort">{quantization.quantizer}</Fact>}
        {quantization.budget && <Fact name="Accuracy budget">{quantization.budget}</Fact>}
      </dl>
    </section>
  )
}

function AccuracyPanel({ accuracy }: { accuracy: Accuracy }) {
  const { samples, float32, quantized, agreement } = accuracy
  const lost = pointsLost(accuracy)
  return (
    <section className="panel" aria-labelledby="accuracy">
      <div className="panel-head">
        <h2 id="accuracy">Accuracy</h2>
        <span className="muted">on {integer(samples)} labelled samples</span>
      </div>
      <dl className={classes.facts}>
        {float32 != null && (
          <Fact name="float32" detail={margin(float32, samples)}>
            {percent(float32, 2)} <Share of={float32} />
          </Fact>
        )}
        {quantized != null && (
          <Fact name="Compiled" detail={[margin(quantized, samples), lost === null ? "" : pointsText(lost)].filter(Boolean).join("; ")}>
            {percent(quantized, 2)} <Share of={quantized} />
          </Fact>
        )}
        {agreement != null && <Fact name="The same class from both">{percent(agreement, 2)}</Fact>}
      </dl>
    </section>
  )
}

function margin(share: number, samples: number): string {
  return `± ${(uncertainty(share, samples) * 100).toFixed(2)} points (95 %)`
}

function Share({ of }: { of: number }) {
  return (
    <span className={classes.share} aria-hidden="true">
      <span style={{ inlineSize: `${of * 100}%` }} />
    </span>
  )
}

function Fact({ name, detail, children }: { name: string; detail?: string | undefined; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <span className={classes.value}>{children}</span>
        {detail && <span className={classes.detail}>{detail}</span>}
      </dd>
    </div>
  )
}
