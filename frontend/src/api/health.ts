import { queryOptions } from "@tanstack/react-query"
import { fetchJson } from "./client"
import type { Health } from "./types"

/** Answers with 503 when something is missing, and still says what. */
export const healthQuery = queryOptions({
  queryKey: ["health"],
  queryFn: ({ signal }) => fetchJson<Health>("/api/v1/health/ready", signal, [503]),
  staleTime: 20_000,
  refetchInterval: 30_000,
})
