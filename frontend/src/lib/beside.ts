/** The files beside a model: what int8 is calibrated with, and what its accuracy is measured on. */
import type { Plan } from "./plan"

export const PARTS = ["calibration", "samples", "labels"] as const
export type Part = (typeof PARTS)[number]

export type Beside = Record<Part, File | null>
export type FileNames = Partial<Record<Part, string>>

export const NO_FILES: Beside = { calibration: null, samples: null, labels: null }

/** Whether anything is calibrated: whether one of the compilations has integer activations. */
export function calibrates({ precision }: Pick<Plan, "precision">): boolean {
  return precision.includes("int8")
}

export function quantises({ precision }: Pick<Plan, "precision">): boolean {
  return precision.some((one) => one !== "float32")
}

/** The files that the chosen compilations use: a file that was chosen before the precision was changed stays here. */
export function used(files: Beside, plan: Pick<Plan, "precision">): Beside {
  if (!quantises(plan)) return NO_FILES
  const calibration = calibrates(plan) || (files.labels && !files.samples) ? files.calibration : null
  const labels = files.samples || calibration ? files.labels : null
  return { calibration, samples: labels && files.samples, labels }
}

export function namesOf(files: Beside): FileNames {
  return Object.fromEntries(PARTS.flatMap((part) => (files[part] ? [[part, files[part].name]] : [])))
}

/** What is missing for the labels to be of use, in words; null: nothing. */
export function missing(files: Beside): string | null {
  if (files.labels && !files.samples && !files.calibration) return "Choose the samples that the labels belong to."
  if (files.samples && !files.labels) return "Choose the labels of the samples, or take the samples away."
  return null
}

const WHOLE = /\.(npz|npy|zip)$/i

/** One array file or archive goes as it is; pictures, sounds and folders go as one zip. */
export function isWhole(files: readonly { name: string }[]): boolean {
  return files.length === 1 && WHOLE.test(files[0]!.name)
}

/** Whether the samples are pictures or sounds, which need to be told how they become numbers. */
export function needsPreprocessing(file: { name: string } | null): boolean {
  return file !== null && /\.zip$/i.test(file.name)
}
