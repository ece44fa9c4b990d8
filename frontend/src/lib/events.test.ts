import { describe, expect, it } from "vitest"
import { advance, type JobEvent, LOG_LIMIT, NO_PROGRESS, parseEvent } from "./events"

let id = 0
const event = (part: Partial<JobEvent>): JobEvent => ({
  id: ++id,
  kind: "log",
  stage: null,
  message: "",
  seconds: null,
  state: null,
  at: null,
  ...part,
})

function run(...parts: Partial<JobEvent>[]) {
  id = 0
  return advance(NO_PROGRESS, parts.map(event), 1000)
}

describe("parseEvent", () => {
  it("reads a message of the stream", () => {
    expect(parseEvent("7", '{"kind":"stage_done","stage":"plan","message":"","seconds":0.2,"state":null}')).toEqual({
      id: 7,
      kind: "stage_done",
      stage: "plan",
      message: "",
      seconds: 0.2,
      state: null,
      at: null,
    })
  })

  it.each([
    ["", '{"kind":"log"}'],
    ["0", '{"kind":"log"}'],
    ["3", "not json"],
    ["3", '{"kind":"other"}'],
  ])("ignores id %j with data %j", (messageId, data) => expect(parseEvent(messageId, data)).toBeNull())
})

describe("advance", () => {
  it("follows the stages and their seconds", () => {
    const progress = run(
      { kind: "state", state: "queued" },
      { kind: "state", state: "running" },
      { kind: "stage", stage: "import" },
      { kind: "stage_done", stage: "import", seconds: 0.4 },
      { kind: "stage", stage: "optimize" },
    )
    expect(progress.state).toBe("running")
    expect(progress.stages.import).toEqual({ status: "done", seconds: 0.4 })
    expect(progress.stages.optimize).toEqual({ status: "running", since: 1000 })
    expect(progress.stages.plan).toEqual({ status: "pending" })
  })

  it("counts a stage from when the server began it, also after a reload", () => {
    const progress = run({ kind: "stage", stage: "build", at: 400 })
    expect(progress.stages.build).toEqual({ status: "running", since: 400 })
  })

  it("changes nothing when a resumed stream repeats itself", () => {
    const events = [event({ message: "a" }), event({ message: "b" }), event({ kind: "stage", stage: "build" })]
    const once = advance(NO_PROGRESS, events, 5)
    expect(advance(once, events, 9)).toBe(once)
    expect(once.log.map((line) => line.text)).toEqual(["a", "b"])
  })

  it("starts over on a second attempt and says so", () => {
    const progress = run(
      { kind: "state", state: "running" },
      { kind: "stage", stage: "import" },
      { kind: "stage_done", stage: "import", seconds: 1 },
      { kind: "state", state: "queued" },
      { kind: "state", state: "running" },
    )
    expect(progress.stages.import).toEqual({ status: "pending" })
    expect(progress.log.at(-1)).toMatchObject({ kind: "mark", text: expect.stringContaining("Attempt 2") as string })
  })

  it.each([
    ["failed", "failed"],
    ["cancelled", "cancelled"],
  ] as const)("settles the running stage when the job is %s", (state, status) => {
    const progress = run({ kind: "state", state: "running" }, { kind: "stage", stage: "build" }, { kind: "state", state })
    expect(progress.state).toBe(state)
    expect(progress.stages.build.status).toBe(status)
  })

  it("keeps the newest lines and counts the others", () => {
    const progress = run(...Array.from({ length: LOG_LIMIT + 5 }, (_, n) => ({ message: `line ${n}` })))
    expect(progress.log).toHaveLength(LOG_LIMIT)
    expect(progress.dropped).toBe(5)
    expect(progress.log[0]!.text).toBe("line 5")
  })
})
