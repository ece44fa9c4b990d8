import type { Inspection } from "@/api/types"
import { isWeightsAlone } from "@/lib/architecture"
import { type Beside, missing, quantises } from "@/lib/beside"
import { countOf, type Plan } from "@/lib/plan"
import { preprocessProblem } from "@/lib/preprocess"
import { accuracyProblem } from "@/lib/quantise"

interface Situation {
  inspection: Inspection
  plan: Plan
  files: Beside
  /** Every open shape has an answer that fits. */
  answered: boolean
  /** Compilations that one request may make. */
  most: number | undefined
}

/** Why the model cannot be compiled as things stand, in words for below the button; null: it can. */
export function obstacleOf({ inspection, plan, files, answered, most }: Situation): string | null {
  const weights = isWeightsAlone(inspection)
  const bySource = plan.source !== null
  if (inspection.unsupported.length > 0 && !weights) return "This model has nodes that are not supported."
  if (!answered) return "Give the input shape first."
  if (weights && !bySource) return "Say first how the layers are connected."
  if (weights && !plan.class_name) return "Name the class in the source first."
  const open = Object.keys(inspection.shape_needed).length > 0
  if (!inspection.compilable && !weights && !open) return "This model cannot be compiled as it is."
  const count = countOf(plan)
  if (plan.target.length === 0) return "Choose a target."
  if (plan.emit.length === 0) return "Choose a language."
  if (plan.precision.length === 0) return "Choose a precision."
  if (quantises(plan) && missing(files)) return missing(files)
  if (quantises(plan) && (preprocessProblem(plan.preprocess) ?? accuracyProblem(plan.accuracy_budget ?? ""))) return "Correct what is typed under Quantisation first."
  return most !== undefined && count > most ? `These are ${count} compilations; one request makes ${most} at most.` : null
}
