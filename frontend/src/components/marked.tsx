import { type Span, spans } from "@/lib/markdown"

/** Text in which `code` and **strong** are marked. */
export function Marked({ spans: parts }: { spans: readonly Span[] }) {
  return parts.map(({ kind, text }, index) => {
    if (kind === "strong") return <strong key={index}>{text}</strong>
    if (kind === "code") return <code key={index}>{text}</code>
    return text
  })
}

export function MarkedText({ text }: { text: string }) {
  return <Marked spans={spans(text)} />
}
