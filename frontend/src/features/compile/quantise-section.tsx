import { TextInput } from "@mantine/core"
import classes from "./quantise.module.css"
import { FileField } from "./file-field"
import { PreprocessFields } from "./preprocess-fields"
import { ChoiceCards } from "@/components/choice"
import { WarnIcon } from "@/components/icons"
import { type Beside, calibrates, missing, needsPreprocessing, quantises } from "@/lib/beside"
import type { Plan } from "@/lib/plan"
import { accuracyProblem } from "@/lib/quantise"

interface Props {
  plan: Plan
  onChange: (plan: Plan) => void
  files: Beside
  onFiles: (files: Beside) => void
  /** The model is quantised as it came. */
  already: string
}

const ARRAYS = ".npz,.npy,.zip,.png,.jpg,.jpeg,.bmp,.wav"

const QUANTISERS = [
  { value: "quick", title: "Quick", description: "Ranges alone. Seconds." },
  { value: "standard", title: "Standard", description: "Ranges chosen by measured error, biases corrected." },
  { value: "thorough", title: "Thorough", description: "Equalisation and adaptive rounding as well. Minutes." },
] as const

const ROUNDINGS = [
  { value: "single", title: "Single", description: "Once: as CMSIS-NN's single rounding and XNNPACK. Fewer instructions." },
  { value: "double", title: "Double", description: "Twice: as TensorFlow Lite Micro does." },
] as const

const MIXED = [
  { value: "int16", title: "int16", description: "16-bit activations, 8-bit weights." },
  { value: "float32", title: "float32", description: "As the model was trained." },
] as const

/** How the model becomes integers: with what data, how thoroughly, and what it may cost. */
export function QuantiseSection({ plan, onChange, files, onFiles, already }: Props) {
  const set = <K extends keyof Plan>(key: K, value: Plan[K]) => onChange({ ...plan, [key]: value })
  const rounding = <ChoiceCards legend="Rounding" value={plan.rounding} choices={ROUNDINGS} onChange={(v) => set("rounding", v)} />
  if (already) {
    return (
      <section className={classes.section} aria-label="Quantisation">
        {rounding}
      </section>
    )
  }
  if (!quantises(plan)) return null
  return (
    <section className={classes.section} aria-labelledby="quantisation">
      <h2 id="quantisation">Quantisation</h2>
      {calibrates(plan) && (
        <>
          <FileField
            label="Calibration data"
            accept={ARRAYS}
            many
            value={files.calibration}
            onChange={(calibration) => onFiles({ ...files, calibration })}
          >
            Some hundred typical inputs, from the training set: an <code>.npz</code> with an array for each input, an <code>.npy</code> with one
            sample after the other, or images, 16-bit <code>.wav</code> and <code>.npy</code> files, in a folder or a <code>.zip</code>.
          </FileField>
          {!files.calibration && (
            <p className={classes.warning} role="status">
              <WarnIcon size={18} />
              <span>
                <strong>No calibration data.</strong> The ranges of the tensors will be guessed from made-up inputs, and the accuracy may be far
                below what int8 can reach. The report will say so.
              </span>
            </p>
          )}
        </>
      )}
      {(needsPreprocessing(files.calibration) || needsPreprocessing(files.samples) || plan.preprocess !== "") && (
        <PreprocessFields text={plan.preprocess} onChange={(preprocess) => set("preprocess", preprocess)} />
      )}
      {calibrates(plan) && (
        <div className={classes.pair}>
          <ChoiceCards legend="Effort" value={plan.quantizer} choices={QUANTISERS} onChange={(v) => set("quantizer", v)} />
          {rounding}
        </div>
      )}
      <details className={classes.more}>
        <summary>Measure the accuracy on labelled samples</summary>
        <div className={classes.moreBody}>
          <FileField label="Labels" accept=".npy" value={files.labels} onChange={(labels) => onFiles({ ...files, labels })} error={missing(files)}>
            An <code>.npy</code> with the right class of each sample, as integers. The report then has the accuracy before and after.
          </FileField>
          <FileField label="Samples" accept={ARRAYS} many value={files.samples} onChange={(samples) => onFiles({ ...files, samples })}>
            The inputs that the labels belong to, like calibration data, but not the same: from the test set. Without them the calibration
            data is measured on.
          </FileField>
        </div>
      </details>
      {calibrates(plan) && (
        <details className={classes.more} open={plan.accuracy_budget !== null || undefined}>
          <summary>Let layers that hurt keep more bits</summary>
          <div className={classes.moreBody}>
            <TextInput
              label="What int8 may cost"
              description="Points of accuracy, as 0.5 (without labels: of agreement with float), or the least output SQNR, as 25dB"
              placeholder="no limit: every layer becomes int8"
              value={plan.accuracy_budget ?? ""}
              error={accuracyProblem(plan.accuracy_budget ?? "")}
              onChange={(event) => set("accuracy_budget", event.currentTarget.value.trim() || null)}
              autoComplete="off"
            />
            <ChoiceCards legend="Those layers become" value={plan.mixed} choices={MIXED} onChange={(v) => set("mixed", v)} />
          </div>
        </details>
      )}
    </section>
  )
}
