/** The little Markdown that the error catalogue uses: paragraphs, **strong** and `code`. */

export interface Span {
  kind: "text" | "strong" | "code"
  text: string
}

export function paragraphs(markdown: string): Span[][] {
  return markdown
    .split(/\n{2,}/)
    .map((block) => block.replace(/\s*\n\s*/g, " ").trim())
    .filter(Boolean)
    .map(spans)
}

export function spans(line: string): Span[] {
  return line
    .split(/(\*\*[^*]+\*\*|`[^`]+`)/)
    .filter(Boolean)
    .map((part): Span => {
      if (part.startsWith("**") && part.length > 4) return { kind: "strong", text: part.slice(2, -2) }
      if (part.startsWith("`") && part.length > 2) return { kind: "code", text: part.slice(1, -1) }
      return { kind: "text", text: part }
    })
}
