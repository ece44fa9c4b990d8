/** Inspections: what a model contains, before anything is compiled. */
import { queryOptions } from "@tanstack/react-query"
import { API, api, ApiProblem, unwrap } from "./client"
import type { Inspection, InspectionJob } from "./types"
import { postForm } from "./upload"
import { isSettled } from "@/lib/stages"

const POLL_MS = [100, 150, 250, 400, 600, 1000]

/** The form for a model that was uploaded before. */
export function again(sha256: string, options: Record<string, unknown>): FormData {
  const form = new FormData()
  form.set("model_sha256", sha256)
  form.set("options", JSON.stringify(options))
  return form
}

/** What a worker finds in the model; throws an `ApiProblem` where it cannot be read. */
export async function inspect(form: FormData, signal: AbortSignal, onSent?: (share: number) => void): Promise<{ id: string; inspection: Inspection }> {
  const request = postForm<{ id: string }>(`${API}/inspections`, form, onSent)
  signal.addEventListener("abort", request.abort)
  const { id } = await request.done
  const { result, error, state } = await settled(id, signal)
  if (result) return { id, inspection: result }
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

/** The graph before and after optimisation; it never changes. */
export const graphQuery = (id: string) =>
  queryOptions({
    queryKey: ["inspection", id, "graph"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/inspections/{id}/graph", { params: { path: { id } }, signal })),
    staleTime: Infinity,
  })

/** What a model becomes with these options, on each of their targets. */
export const supportQuery = (sha256: string, options: Record<string, unknown>) =>
  queryOptions({
    queryKey: ["support", sha256, options],
    queryFn: async ({ signal }) => (await inspect(again(sha256, options), signal)).inspection,
    staleTime: Infinity,
  })

/** The graph of a model as these options have it. */
export const graphOfQuery = (sha256: string, options: Record<string, unknown>) =>
  queryOptions({
    queryKey: ["graph", sha256, options],
    queryFn: async ({ signal }) => {
      const { id } = await inspect(again(sha256, options), signal)
      return unwrap(api.GET("/api/v1/inspections/{id}/graph", { params: { path: { id } }, signal }))
    },
    staleTime: Infinity,
  })
