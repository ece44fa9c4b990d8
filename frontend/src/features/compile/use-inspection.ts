import { useCallback, useEffect, useRef, useState } from "react"
import { again, inspect } from "@/api/inspections"
import type { CompileError, CompileOptions, Inspection, Sample } from "@/api/types"
import { asError } from "@/components/problem"

export type ModelSource = { file: File } | { sample: Sample }

export interface Ready {
  step: "ready"
  name: string
  /** Of the inspection, whose graph has an address of its own. */
  id: string
  inspection: Inspection
  sample?: Sample | undefined
  /** Shapes for open inputs, or a list of layers, are being looked at, or were refused. */
  check?: { running: true } | { error: CompileError } | undefined
}

export type InspectionPhase =
  | { step: "idle" }
  | { step: "uploading"; name: string; size: number; sent: number }
  | { step: "inspecting"; name: string }
  | Ready
  | { step: "failed"; name: string; error: CompileError }

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
        const found = await inspect(form, signal, (sent) =>
          show(file && sent < 1 ? { step: "uploading", name, size: file.size, sent } : { step: "inspecting", name }),
        )
        show({ step: "ready", name, ...found, sample })
      } catch (reason) {
        show({ step: "failed", name, error: asError(reason) })
      }
    },
    [takeOver],
  )

  /** Look again at a model that is already there, with shapes for its open inputs or a list of its layers. */
  const checkAgain = useCallback(
    async (ready: Ready, options: Partial<CompileOptions>) => {
      const { signal, show } = takeOver()
      show({ ...ready, check: { running: true } })
      try {
        show({ ...ready, ...(await inspect(again(ready.inspection.sha256, options), signal)), check: undefined })
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

  return { phase, start, checkAgain, reset }
}
