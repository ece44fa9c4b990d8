import { API, api, unwrap } from "./client"
import { type JobEvent, parseEvent } from "@/lib/events"
import { isSettled } from "@/lib/stages"

export type Connection = "connecting" | "live" | "polling" | "ended"

interface Listener {
  /** New events, in order, a batch at a time; a new connection repeats old ones. */
  onEvents: (events: JobEvent[]) => void
  onConnection: (connection: Connection) => void
}

/** Many log lines in one go cost the page one update. */
export const BATCH_MS = 80
/** Failures in a row before the stream is given up for a while. */
export const FAILURES = 3
export const POLL_MS = 2000
export const RETRY_MS = 15_000

/**
 * Follow the events of one compilation until it ends. Returns how to stop.
 *
 * The browser reconnects by itself and resumes with Last-Event-ID. Where that keeps failing, the same events are
 * polled, and the stream is tried again now and then. A hidden tab gives its connection back, because a browser
 * allows only a handful of them per server.
 */
export function follow(id: string, { onEvents, onConnection }: Listener): () => void {
  let source: EventSource | null = null
  let batch: JobEvent[] = []
  let lastId = 0
  let failures = 0
  let ended = false
  let batchTimer: ReturnType<typeof setTimeout> | undefined
  let retryTimer: ReturnType<typeof setTimeout> | undefined
  let pollTimer: ReturnType<typeof setTimeout> | undefined

  const deliver = () => {
    batchTimer = undefined
    const events = batch
    batch = []
    onEvents(events)
    if (ended) onConnection("ended")
  }

  const take = (event: JobEvent) => {
    lastId = Math.max(lastId, event.id)
    batch.push(event)
    batchTimer ??= setTimeout(deliver, BATCH_MS)
    if (event.kind === "state" && isSettled(event.state ?? undefined)) {
      ended = true
      disconnect()
    }
  }

  const disconnect = () => {
    source?.close()
    source = null
    clearTimeout(retryTimer)
    clearTimeout(pollTimer)
  }

  const connect = () => {
    disconnect()
    const stream = new EventSource(`${API}/compilations/${encodeURIComponent(id)}/events`)
    source = stream
    stream.onopen = () => {
      failures = 0
      clearTimeout(pollTimer)
      onConnection("live")
    }
    stream.onmessage = (message: MessageEvent<string>) => {
      const event = parseEvent(message.lastEventId, message.data)
      if (event && !ended) take(event)
    }
    stream.onerror = () => {
      failures += 1
      if (stream.readyState !== EventSource.CLOSED && failures < FAILURES) return
      stream.close()
      onConnection("polling")
      pollTimer = setTimeout(poll, POLL_MS)
      retryTimer = setTimeout(connect, RETRY_MS)
    }
  }

  const poll = () => {
    unwrap(api.GET("/api/v1/compilations/{id}/log", { params: { path: { id }, query: { after: lastId } } }))
      .then(({ items }) => {
        for (const { at, ...event } of items) if (!ended) take({ ...event, at: Date.parse(at) })
      })
      // silence is what brought us here; the compilation's own query shows what is wrong with the server
      .catch(() => undefined)
      .finally(() => {
        if (!ended && source?.readyState === EventSource.CLOSED) pollTimer = setTimeout(poll, POLL_MS)
      })
  }

  const onVisibility = () => {
    if (ended) return
    if (document.visibilityState === "visible") {
      failures = 0
      connect()
    } else disconnect()
  }

  onConnection("connecting")
  connect()
  document.addEventListener("visibilitychange", onVisibility)
  return () => {
    ended = true
    document.removeEventListener("visibilitychange", onVisibility)
    clearTimeout(batchTimer)
    disconnect()
  }
}
