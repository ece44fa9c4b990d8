import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query"
import { API, api, fetchJson, fetchText, unwrap } from "./client"
import type { Compilation, CompilationState, Report, ReportLayer } from "./types"
import { postForm } from "./upload"
import { isSettled } from "@/lib/stages"

const ACTIVE_POLL_MS = 2000
const PAGE = 30

export const compilationQuery = (id: string) =>
  queryOptions({
    queryKey: ["compilation", id],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/compilations/{id}", { params: { path: { id } }, signal })),
    // The event stream is quicker; this keeps the page (and a hidden tab's title) true without it.
    refetchInterval: ({ state }) => (isSettled(state.data?.state) ? false : ACTIVE_POLL_MS),
    refetchIntervalInBackground: true,
  })

export interface HistoryFilter {
  state?: CompilationState | undefined
  target?: string | undefined
  model?: string | undefined
  group?: string | undefined
}

export const historyQuery = (filter: HistoryFilter) =>
  infiniteQueryOptions({
    queryKey: ["compilations", filter],
    queryFn: ({ pageParam, signal }) =>
      unwrap(api.GET("/api/v1/compilations", { params: { query: { ...filter, state: filter.state && [filter.state], cursor: pageParam, limit: PAGE } }, signal })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: ({ state }) =>
      state.data?.pages.some((page) => page.items.some((job) => !isSettled(job.state))) ? ACTIVE_POLL_MS : false,
  })

/** All compilations of one request. */
export const groupQuery = (group: string) =>
  queryOptions({
    queryKey: ["group", group],
    queryFn: async ({ signal }) => {
      const page = await unwrap(api.GET("/api/v1/compilations", { params: { query: { group, limit: 200 } }, signal }))
      return page.items.reverse() // in the order in which they were asked for
    },
    refetchInterval: ({ state }) => (state.data?.some((job) => !isSettled(job.state)) ? ACTIVE_POLL_MS : false),
    refetchIntervalInBackground: true,
  })

export const reportQuery = (id: string) =>
  queryOptions({
    queryKey: ["report", id],
    queryFn: async ({ signal }) => complete(await fetchJson<Report>(fileUrl(id, "report.json"), signal)),
    staleTime: Infinity,
  })

/** A report that an older version wrote lacks what came later. */
function complete(report: Report): Report {
  return { ...LATER, ...report, layers: report.layers.map((layer) => ({ ...LATER_OF_LAYER, ...layer })) }
}

const LATER: Pick<Report, "sections" | "boards" | "notes" | "quantization" | "accuracy"> = { sections: [], boards: [], notes: [], quantization: null, accuracy: null }
const LATER_OF_LAYER: Pick<ReportLayer, "mix" | "latency_ms"> = { mix: null, latency_ms: null }

export const fileQuery = (id: string, path: string) =>
  queryOptions({
    queryKey: ["file", id, path],
    queryFn: ({ signal }) => fetchText(fileUrl(id, path), signal),
    staleTime: Infinity,
    gcTime: 60_000,
  })

export function artifactUrl(id: string): string {
  return `${API}/compilations/${encodeURIComponent(id)}/artifact`
}

/** The artifact as a package for a build system, made when it is asked for. */
export function packUrl(id: string, format: string): string {
  return `${API}/compilations/${encodeURIComponent(id)}/packs/${encodeURIComponent(format)}`
}

export function fileUrl(id: string, path: string): string {
  return `${API}/compilations/${encodeURIComponent(id)}/files/${path.split("/").map(encodeURIComponent).join("/")}`
}

/** Compile a model that the server already has (an inspection uploaded it), with the files beside it. */
export function createCompilations(
  model: { sha256: string },
  options: Record<string, unknown>,
  files: Readonly<Record<string, File | null>> = {},
  onSent?: (share: number) => void,
) {
  const form = new FormData()
  form.set("model_sha256", model.sha256)
  form.set("options", JSON.stringify(options))
  for (const [part, file] of Object.entries(files)) if (file) form.set(part, file)
  // A double click or a retried request must not compile twice.
  return postForm<{ id: string; group: string | null }>(`${API}/compilations`, form, onSent, { "Idempotency-Key": randomKey() }).done
}

export function cancelOrDelete(id: string): Promise<unknown> {
  return unwrap(api.DELETE("/api/v1/compilations/{id}", { params: { path: { id } } }))
}

/** `crypto.randomUUID` exists only on secure origins; a service in a company's network may be plain http. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("")
}

export type { Compilation }
