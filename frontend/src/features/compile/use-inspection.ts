import { useCallback, useEffect, useRef, useState } from "react"
import { API, api, ApiProblem, unwrap } from "@/api/client"
import type { CompileError, Inspection, InspectionJob, Sample } from "@/api/types"
import { postForm } from "@/api/upload"
import { asError } from "@/components/problem"
import { isSettled } from "@/lib/stages"

export type ModelSource = { file: File } | { sample: Sample }

export interface Ready {
  step: "ready"
  name: string
  inspection: Inspection
  sample?: Sample | undefined
  /** Shapes for open inputs are being looked at, or were refused. */
  check?: { running: true } | { error: CompileError } | undefined
}

export type InspectionPhase =
  | { step: "idle" }
  | { step: "uploading"; name: string; size: number; sent: number }
  | { step: "inspecting"; name: string }
  | Ready
  | { step: "failed"; name: string; error: CompileError }

const POLL_MS = [100, 150, 250, 400, 600, 1000]

/** Upload a model, have a worker look into it, and hold what it found. The newest request wins. */
export function useInspection() {
  const [phase, setPhase] = useState<InspectionPhase>({ step: "idle" })
  const running = useRef<AbortController | null>(null)

  /** Stops what is still under way; what it brings after that is not shown. */
  const takeOver = useCallback(() => {
    running.current?.abort()
    const { signal } = (running.current = new AbortController())
    const show = (next: InspectionPhase) => {
      if (!signal.aborted) setPhase(next)
    }
    return { signal, show }
  }, [])

  const start = useCallback(
    async (source: ModelSource) => {
      const { signal, show } = takeOver()
      const file = "file" in source ? source.file : null
      const sample = "sample" in source ? source.sample : undefined
      const name = file?.name ?? sample?.file ?? ""
      const form = new FormData()
      if (file) form.set("model", file)
      if (sample) form.set("sample", sample.name)
      show(file ? { step: "uploading", name, size: file.size, sent: 0 } : { step: "inspecting", name })
      try {
        const inspection = await inspect(form, signal, (sent) =>
          show(file && sent < 1 ? { step: "uploading", name, size: file.size, sent } : { step: "inspecting", name }),
        )
        show({ step: "ready", name, inspection, sample })
      } catch (reason) {
        show({ step: "failed", name, error: asError(reason) })
      }
    },
    [takeOver],
  )

  /** Look again at a model that is already there, with shapes for its open inputs. */
  const checkShape = useCallback(
    async (ready: Ready, shape: Record<string, number[]>) => {
      const { signal, show } = takeOver()
      const form = new FormData()
      form.set("model_sha256", ready.inspection.sha256)
      form.set("shape", JSON.stringify(shape))
      show({ ...ready, check: { running: true } })
      try {
        show({ ...ready, inspection: await inspect(form, signal), check: undefined })
      } catch (reason) {
        show({ ...ready, check: { error: asError(reason) } })
      }
    },
    [takeOver],
  )

  const reset = useCallback(() => {
    running.current?.abort()
    setPhase({ step: "idle" })
  }, [])

  useEffect(() => () => running.current?.abort(), [])

  return { phase, start, checkShape, reset }
}

/** What a worker finds in the model; throws an `ApiProblem` where it cannot be read. */
async function inspect(form: FormData, signal: AbortSignal, onSent?: (share: number) => void): Promise<Inspection> {
  const request = postForm<{ id: string }>(`${API}/inspections`, form, onSent)
  signal.addEventListener("abort", request.abort)
  const { id } = await request.done
  const { result, error, state } = await settled(id, signal)
  if (result) return result
  throw error ? new ApiProblem(422, error) : new Error(`the inspection was ${state}`)
}

async function settled(id: string, signal: AbortSignal): Promise<InspectionJob> {
  for (let attempt = 0; ; attempt += 1) {
    const job = await unwrap(api.GET("/api/v1/inspections/{id}", { params: { path: { id } }, signal }))
    if (isSettled(job.state)) return job
    await pause(POLL_MS[Math.min(attempt, POLL_MS.length - 1)]!, signal)
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds)
    signal.addEventListener("abort", () => {
      clearTimeout(timer)
      reject(new DOMException("No longer wanted", "AbortError"))
    })
  })
}
