import { afterEach, beforeEach, expect, it, vi } from "vitest"
import { api } from "./client"
import { BATCH_MS, type Connection, FAILURES, follow, POLL_MS, RETRY_MS } from "./follow"
import type { JobEvent } from "@/lib/events"

/** Stands in for the browser's: the test plays the network. */
class FakeSource {
  static readonly CLOSED = 2
  static all: FakeSource[] = []
  readyState = 0
  onopen?: () => void
  onerror?: () => void
  onmessage?: (message: { lastEventId: string; data: string }) => void
  constructor(readonly url: string) {
    FakeSource.all.push(this)
  }
  close = () => {
    this.readyState = FakeSource.CLOSED
  }
  open = () => {
    this.readyState = 1
    this.onopen?.()
  }
  send = (id: number, part: Partial<JobEvent>) => this.onmessage?.({ lastEventId: String(id), data: JSON.stringify(part) })
  fail = () => {
    this.readyState = 0
    this.onerror?.()
  }
  static get last() {
    return FakeSource.all.at(-1)!
  }
}

let events: JobEvent[]
let connections: Connection[]
let stop: () => void
const start = () =>
  (stop = follow("job1", { onEvents: (batch) => events.push(...batch), onConnection: (now) => connections.push(now) }))
const item = { id: 8, kind: "log", message: "polled", stage: null, seconds: null, state: null, at: "2026-11-21T12:00:00Z" }

beforeEach(() => {
  events = []
  connections = []
  FakeSource.all = []
  vi.useFakeTimers()
  vi.stubGlobal("EventSource", FakeSource)
})

afterEach(() => {
  stop()
  vi.useRealTimers()
})

it("delivers a burst as one batch, in order", async () => {
  start()
  FakeSource.last.open()
  FakeSource.last.send(1, { kind: "log", message: "a" })
  FakeSource.last.send(2, { kind: "log", message: "b" })
  expect(events).toEqual([])
  await vi.advanceTimersByTimeAsync(BATCH_MS)
  expect(events.map((event) => event.message)).toEqual(["a", "b"])
  expect(connections).toEqual(["connecting", "live"])
})

it("closes after the end instead of reconnecting for ever", async () => {
  start()
  FakeSource.last.open()
  FakeSource.last.send(1, { kind: "state", state: "succeeded" })
  expect(FakeSource.last.readyState).toBe(FakeSource.CLOSED)
  await vi.advanceTimersByTimeAsync(RETRY_MS * 3)
  expect(FakeSource.all).toHaveLength(1)
  expect(connections.at(-1)).toBe("ended")
})

it("leaves short breaks to the browser", async () => {
  start()
  for (let round = 0; round < 5; round += 1) {
    FakeSource.last.open()
    FakeSource.last.fail()
  }
  await vi.advanceTimersByTimeAsync(RETRY_MS)
  expect(FakeSource.all).toHaveLength(1)
  expect(connections).not.toContain("polling")
})

it("polls from the last event on when the stream keeps failing, and tries the stream again", async () => {
  const get = vi.spyOn(api, "GET").mockResolvedValue({ data: { items: [item], state: "running" }, response: new Response() } as never)
  start()
  FakeSource.last.open()
  FakeSource.last.send(7, { kind: "log", message: "streamed" })
  for (let failure = 0; failure < FAILURES; failure += 1) FakeSource.last.fail()
  expect(connections.at(-1)).toBe("polling")

  await vi.advanceTimersByTimeAsync(POLL_MS + BATCH_MS)
  expect(get.mock.calls[0]![1]).toEqual({ params: { path: { id: "job1" }, query: { after: 7 } } })
  expect(events.map((event) => event.message)).toEqual(["streamed", "polled"])

  await vi.advanceTimersByTimeAsync(RETRY_MS)
  expect(FakeSource.all.length).toBeGreaterThan(1)
  FakeSource.last.open()
  const polls = get.mock.calls.length
  await vi.advanceTimersByTimeAsync(POLL_MS * 3)
  expect(get.mock.calls).toHaveLength(polls)
})

it("gives the connection back while the tab is hidden", () => {
  start()
  const visibility = vi.spyOn(document, "visibilityState", "get")
  visibility.mockReturnValue("hidden")
  document.dispatchEvent(new Event("visibilitychange"))
  expect(FakeSource.last.readyState).toBe(FakeSource.CLOSED)
  visibility.mockReturnValue("visible")
  document.dispatchEvent(new Event("visibilitychange"))
  expect(FakeSource.all).toHaveLength(2)
})
