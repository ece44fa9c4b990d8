import { useQueryClient } from "@tanstack/react-query"
import { useEffect, useState } from "react"
import { API } from "@/api/client"
import { advance, type JobEvent, type JobProgress, NO_PROGRESS, parseEvent } from "@/lib/events"
import { isSettled } from "@/lib/stages"

const FLUSH_MS = 80
const RECONNECTS = 2
const RETRY_MS = 15_000

export type Connection = "connecting" | "live" | "polling" | "ended"

interface Followed {
  id: string
  progress: JobProgress
  connection: Connection
}

/**
 * The events of one compilation, from the first on, resumed where a connection broke.
 *
 * The browser reconnects by itself with Last-Event-ID. After two failures in a row the stream is left alone for a
 * while; the compilation's own query, which polls, keeps the page true meanwhile. A hidden tab gives its connection
 * back, because a browser allows few of them per server.
 */
export function useJobEvents(id: string): { progress: JobProgress; connection: Connection } {
  const client = useQueryClient()
  const [followed, setFollowed] = useState<Followed>(() => ({ id, progress: NO_PROGRESS, connection: "connecting" }))

  useEffect(() => {
    let source: EventSource | null = null
    let waiting: JobEvent[] = []
    let flushTimer: ReturnType<typeof setTimeout> | undefined
    let retryTimer: ReturnType<typeof setTimeout> | undefined
    let failures = 0
    let ended = false

    const connect = (connection: Connection) =>
      setFollowed((old) => ({ id, progress: old.id === id ? old.progress : NO_PROGRESS, connection }))

    const flush = () => {
      flushTimer = undefined
      const events = waiting
      waiting = []
      setFollowed((old) => ({
        id,
        progress: advance(old.id === id ? old.progress : NO_PROGRESS, events, Date.now()),
        connection: ended ? "ended" : "live",
      }))
      if (events.some((event) => event.kind !== "log")) void client.invalidateQueries({ queryKey: ["compilation", id] })
    }

    const open = () => {
      clearTimeout(retryTimer)
      source?.close()
      source = new EventSource(`${API}/compilations/${encodeURIComponent(id)}/events`)
      source.onopen = () => {
        failures = 0
        connect("live")
      }
      source.onmessage = (message: MessageEvent<string>) => {
        const event = parseEvent(message.lastEventId, message.data)
        if (!event) return
        waiting.push(event)
        flushTimer ??= setTimeout(flush, FLUSH_MS)
        if (event.kind === "state" && event.state && isSettled(event.state)) {
          ended = true
          source?.close()
        }
      }
      source.onerror = () => {
        failures += 1
        if (source?.readyState !== EventSource.CLOSED && failures <= RECONNECTS) return
        source?.close()
        connect("polling")
        retryTimer = setTimeout(open, RETRY_MS)
      }
    }

    const onVisibility = () => {
      if (ended) return
      if (document.visibilityState === "visible") {
        failures = 0
        open()
      } else {
        clearTimeout(retryTimer)
        source?.close()
      }
    }

    open()
    document.addEventListener("visibilitychange", onVisibility)
    return () => {
      document.removeEventListener("visibilitychange", onVisibility)
      clearTimeout(flushTimer)
      clearTimeout(retryTimer)
      source?.close()
    }
  }, [id, client])

  return followed.id === id ? followed : { progress: NO_PROGRESS, connection: "connecting" }
}
