/** Generated source as a page shows it: tables of numbers folded, functions found by name. */

export interface CodeBlock {
  kind: "code"
  /** Number of the first line, from 1. */
  first: number
  lines: string[]
}

export interface FoldedBlock {
  kind: "fold"
  first: number
  count: number
}

export type SourceBlock = CodeBlock | FoldedBlock

const SHORTEST_FOLD = 8

/** Digits of any base with sign, point, exponent and suffix, separated by commas and braces; nothing else. */
const ONLY_NUMBERS = /^[\s{}]*[-+]?\.?\d[\da-fA-FxXpPuUlL.+\-,\s{}]*$/

/** Fold the runs of lines that hold nothing but numbers: weights are no reading matter. */
export function foldNumbers(lines: readonly string[]): SourceBlock[] {
  const blocks: SourceBlock[] = []
  let code: CodeBlock = { kind: "code", first: 1, lines: [] }
  const close = () => {
    if (code.lines.length > 0) blocks.push(code)
  }
  for (let at = 0; at < lines.length; ) {
    let end = at
    while (end < lines.length && ONLY_NUMBERS.test(lines[end]!)) end += 1
    if (end - at >= SHORTEST_FOLD) {
      close()
      blocks.push({ kind: "fold", first: at + 1, count: end - at })
      code = { kind: "code", first: end + 1, lines: [] }
    } else {
      end = Math.max(end, at + 1)
      code.lines.push(...lines.slice(at, end))
    }
    at = end
  }
  close()
  return blocks
}

/** The line (from 1) where a C function is defined, not declared or called; null when it is not. */
export function findFunction(lines: readonly string[], name: string): number | null {
  if (!/^\w+$/.test(name)) return null
  const head = new RegExp(`^[^\\s/#*].*\\b${name}\\s*\\(|^${name}\\s*\\(`)
  for (let at = 0; at < lines.length; at += 1) {
    if (!head.test(lines[at]!)) continue
    // the parameters may go over several lines: a definition is what reaches a brace before a semicolon
    const ending = /[;{]/.exec(lines.slice(at, at + 40).join("\n").slice(lines[at]!.indexOf(name)))
    if (ending?.[0] === "{") return at + 1
  }
  return null
}

const LANGUAGES: [RegExp, string][] = [
  [/\.(c|h|S)$/, "c"],
  [/\.(cpp|hpp)$/, "cpp"],
  [/\.json$/, "json"],
  [/\.md$/, "markdown"],
  [/(^|\/)CMakeLists\.txt$|\.cmake$/, "cmake"],
  [/\.ll$/, "llvm"],
  [/\.(txt|ld|csv)$|(^|\/)Makefile$/, "text"],
]

/** The grammar for a file of an artifact; null for what is not text to read. */
export function languageOf(path: string): string | null {
  return LANGUAGES.find(([pattern]) => pattern.test(path))?.[1] ?? null
}
