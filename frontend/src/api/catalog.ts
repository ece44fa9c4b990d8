import { queryOptions } from "@tanstack/react-query"
import { api, unwrap } from "./client"
import type { Board, Catalog } from "./types"

export const catalogQuery = queryOptions({
  queryKey: ["catalog"],
  queryFn: ({ signal }) => unwrap(api.GET("/api/v1/catalog", { signal })),
  staleTime: 10 * 60_000,
})

/** Where the figures of each board were read, by the board's name. */
export function boardSources({ boards }: Catalog): ReadonlyMap<string, Board["sources"]> {
  return new Map(boards.map(({ name, sources }) => [name, sources]))
}
