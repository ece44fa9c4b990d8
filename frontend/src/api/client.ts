import createClient from "openapi-fetch"
import type { CompileError } from "./types"
import type { paths } from "./schema"

export const API = "/api/v1"

/** The typed client; it speaks to the server that served this page. */
export const api = createClient<paths>({ baseUrl: "" })

/** A request that failed, with the code and the way out that the server gave. */
export class ApiProblem extends Error {
  readonly status: number
  readonly error: CompileError

  constructor(status: number, error: CompileError) {
    super(error.title)
    this.name = "ApiProblem"
    this.status = status
    this.error = error
  }
}

/** problem+json, or whatever came instead, as an error that a page can show. */
export function toProblem(status: number, body: unknown): ApiProblem {
  const given = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {}
  const text = (key: string) => (typeof given[key] === "string" ? given[key] : "")
  return new ApiProblem(status, {
    kind: "service",
    code: text("code"),
    title: text("detail") || text("title") || `The server answered with status ${status}`,
    where: text("where"),
    facts: factsOf(given.facts),
    help: text("help") || (status >= 500 ? "Try again. If it stays, read the server's log: deepmetal serve prints it." : ""),
  })
}

export const UNREACHABLE = new ApiProblem(0, {
  kind: "service",
  code: "",
  title: "The server does not answer",
  where: globalThis.location.origin,
  facts: {},
  help: "Check that deepmetal serve (or make serve) is running, then try again.",
})

function factsOf(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {}
  return Object.fromEntries(Object.entries(value).map(([key, fact]) => [key, String(fact)]))
}

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** The data of an answer, or a thrown `ApiProblem`. */
export async function unwrap<T>(request: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>
  try {
    answer = await request
  } catch (reason) {
    if (reason instanceof DOMException && reason.name === "AbortError") throw reason
    throw UNREACHABLE
  }
  if (!answer.response.ok) throw toProblem(answer.response.status, answer.error)
  return answer.data as T
}

/** A file of an artifact, as text. An answer with one of the `also` statuses is as good as a 200. */
export async function fetchText(url: string, signal?: AbortSignal, also: readonly number[] = []): Promise<string> {
  let response: Response
  try {
    response = await fetch(url, { signal: signal ?? null })
  } catch (reason) {
    if (reason instanceof DOMException && reason.name === "AbortError") throw reason
    throw UNREACHABLE
  }
  const body = await response.text()
  if (!response.ok && !also.includes(response.status)) throw toProblem(response.status, parsed(body))
  return body
}

export async function fetchJson<T>(url: string, signal?: AbortSignal, also: readonly number[] = []): Promise<T> {
  return JSON.parse(await fetchText(url, signal, also)) as T
}

export function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return null
  }
}
