import { useCallback, useEffect, useRef, useState } from "react"
import { API, api, unwrap } from "@/api/client"
import type { CompileError, Inspection, InspectionJob, Sample } from "@/api/types"
import { postForm } from "@/api/upload"
import { asError } from "@/components/problem"
import { isSettled } from "@/lib/stages"

export type ModelSource = { file: File } | { sample: Sample }

export type InspectionPhase =
  | { step: "idle" }
  | { step: "uploading"; name: string; size: number; sent: number }
  | { step: "inspecting"; name: string }
  | { step: "ready"; name: string; inspection: Inspection; sample?: Sample }
  | { step: "failed"; name: string; error: CompileError }

const POLL_MS = [100, 150, 250, 400, 600, 1000]

/** Upload a model, have a worker look into it, and hold what it found. The newest request wins. */
export function useInspection() {
  const [phase, setPhase] = useState<InspectionPhase>({ step: "idle" })
  const running = useRef<AbortController | null>(null)

  const begin = useCallback(async (name: string, form: FormData, upload: { size: number } | null, sample?: Sample) => {
    running.current?.abort()
    const controller = new AbortController()
    running.current = controller
    const show = (next: InspectionPhase) => {
      if (!controller.signal.aborted) setPhase(next)
    }
    show(upload ? { step: "uploading", name, size: upload.size, sent: 0 } : { step: "inspecting", name })
    try {
      const request = postForm<{ id: string }>(`${API}/inspections`, form, (sent) => {
        if (upload && sent < 1) show({ step: "uploading", name, size: upload.size, sent })
        else show({ step: "inspecting", name })
      })
      controller.signal.addEventListener("abort", request.abort)
      const { id } = await request.done
      show({ step: "inspecting", name })
      const answer = await settled(id, controller.signal)
      if (answer.result) show({ step: "ready", name, inspection: answer.result, ...(sample && { sample }) })
      else show({ step: "failed", name, error: answer.error ?? asError(new Error(`the inspection was ${answer.state}`)) })
    } catch (reason) {
      if (!controller.signal.aborted) show({ step: "failed", name, error: asError(reason) })
    }
  }, [])

  const start = useCallback(
    (source: ModelSource) => {
      const form = new FormData()
      if ("file" in source) {
        form.set("model", source.file)
        return begin(source.file.name, form, source.file)
      }
      form.set("sample", source.sample.name)
      return begin(source.sample.file, form, null, source.sample)
    },
    [begin],
  )

  /** Look again at a model that is already there, with shapes for its open inputs. */
  const withShape = useCallback(
    (name: string, sha256: string, shape: Record<string, number[]>, sample?: Sample) => {
      const form = new FormData()
      form.set("model_sha256", sha256)
      form.set("shape", JSON.stringify(shape))
      return begin(name, form, null, sample)
    },
    [begin],
  )

  const reset = useCallback(() => {
    running.current?.abort()
    setPhase({ step: "idle" })
  }, [])

  useEffect(() => () => running.current?.abort(), [])

  return { phase, start, withShape, reset }
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
