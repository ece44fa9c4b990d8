import { useQueryClient } from "@tanstack/react-query"
import { useEffect, useState } from "react"
import { type Connection, follow } from "@/api/follow"
import { advance, type JobProgress, NO_PROGRESS } from "@/lib/events"

interface Followed {
  id: string
  progress: JobProgress
  connection: Connection
}

const begun = (id: string): Followed => ({ id, progress: NO_PROGRESS, connection: "connecting" })

/** The events of one compilation so far, and how they come. */
export function useJobEvents(id: string): Followed {
  const client = useQueryClient()
  const [followed, setFollowed] = useState<Followed>(() => begun(id))
  useEffect(() => {
    const change = (next: (old: Followed) => Partial<Followed>) =>
      setFollowed((last) => {
        const old = last.id === id ? last : begun(id)
        return { ...old, ...next(old) }
      })
    return follow(id, {
      onConnection: (connection) => change(() => ({ connection })),
      onEvents: (events) => {
        change(({ progress }) => ({ progress: advance(progress, events, Date.now()) }))
        // stage, queue position and end are in the row: read it again as soon as they change
        if (events.some((event) => event.kind !== "log")) void client.invalidateQueries({ queryKey: ["compilation", id] })
      },
    })
  }, [id, client])
  return followed.id === id ? followed : begun(id)
}
