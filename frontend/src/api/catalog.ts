import { queryOptions } from "@tanstack/react-query"
import { api, unwrap } from "./client"

export const catalogQuery = queryOptions({
  queryKey: ["catalog"],
  queryFn: ({ signal }) => unwrap(api.GET("/api/v1/catalog", { signal })),
  staleTime: 10 * 60_000,
})
