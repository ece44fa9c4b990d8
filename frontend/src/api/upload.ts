import { parsed, toProblem, UNREACHABLE } from "./client"

export interface Upload<T> {
  /** The server's answer; rejects with an `ApiProblem`, or with an AbortError after `abort`. */
  done: Promise<T>
  abort: () => void
}

/** POST a form and report how much of it is sent; `fetch` cannot tell. */
export function postForm<T>(url: string, form: FormData, onProgress?: (share: number) => void, headers: Record<string, string> = {}): Upload<T> {
  const request = new XMLHttpRequest()
  const done = new Promise<T>((resolve, reject) => {
    request.open("POST", url)
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value)
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress?.(event.loaded / event.total)
    }
    request.onload = () => {
      const body = parsed(request.responseText)
      if (request.status >= 200 && request.status < 300) resolve(body as T)
      else reject(toProblem(request.status, body))
    }
    request.onerror = () => reject(UNREACHABLE)
    request.onabort = () => reject(new DOMException("The upload was stopped", "AbortError"))
    request.send(form)
  })
  return { done, abort: () => request.abort() }
}
