import { Button } from "@mantine/core"
import { memo, useEffect, useMemo, useRef, useState } from "react"
import classes from "./code-view.module.css"
import { integer, plural } from "@/lib/format"
import { highlight, type Tokens } from "@/lib/highlight"
import { findFunction, foldNumbers, type SourceBlock } from "@/lib/source"

/** Lines that are shown, and coloured, before somebody asks for more. */
const FIRST_LINES = 1200

interface Props {
  text: string
  language: string
  symbol?: string | undefined
  label: string
}

/** Source with line numbers and colours; tables of numbers are folded, long files are cut until asked for. */
export function CodeView({ text, language, symbol, label }: Props) {
  const lines = useMemo(() => text.replace(/\n$/, "").split("\n"), [text])
  const target = useMemo(() => (symbol ? findFunction(lines, symbol) : null), [lines, symbol])
  const [whole, setWhole] = useState(false)
  const [unfolded, setUnfolded] = useState<ReadonlySet<number>>(new Set())

  const all = useMemo(() => foldNumbers(lines), [lines])
  const limit = whole ? Infinity : FIRST_LINES
  const blocks = useMemo(() => shownBlocks(all, lines, unfolded, limit, target), [all, lines, unfolded, limit, target])
  const tokens = useTokens(blocks, language)
  const last = blocks.at(-1)
  const end = last ? last.first + (last.kind === "code" ? last.lines.length : last.count) - 1 : 0

  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (target === null || !box.current) return
    box.current.querySelector(`[data-line="${target}"]`)?.scrollIntoView({ block: "center" })
  }, [target])

  return (
    <>
      {symbol && target === null && <p className={classes.note}>There is no function {symbol} in this file.</p>}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a region that scrolls must be reachable */}
      <div ref={box} className={classes.code} tabIndex={0} role="region" aria-label={label} style={{ "--digits": String(lines.length).length }}>
        {blocks.map((block) =>
          block.kind === "fold" ? (
            <button
              key={block.first}
              type="button"
              className={classes.fold}
              onClick={() => setUnfolded(new Set([...unfolded, block.first]))}
            >
              {plural(block.count, "line")} of numbers: show
            </button>
          ) : (
            <Lines key={block.first} first={block.first} lines={block.lines} tokens={tokens?.get(block.first)} target={target} />
          ),
        )}
      </div>
      {end < lines.length && (
        <p className={classes.note}>
          {integer(end)} of {plural(lines.length, "line")} are shown.{" "}
          <Button variant="default" size="compact-sm" onClick={() => setWhole(true)}>
            Show all
          </Button>
        </p>
      )}
    </>
  )
}

interface LinesProps {
  first: number
  lines: readonly string[]
  tokens: Tokens | undefined
  target: number | null
}

const Lines = memo(function Lines({ first, lines, tokens, target }: LinesProps) {
  return (
    <ol className={classes.lines} start={first}>
      {lines.map((line, index) => (
        <li key={index} data-line={first + index} data-target={first + index === target || undefined}>
          <span className={classes.number} aria-hidden="true">
            {first + index}
          </span>
          <code>
            {tokens?.[index]?.map((token, at) => (
              <span key={at} style={{ "--light": token.variants.light?.color, "--dark": token.variants.dark?.color }}>
                {token.content}
              </span>
            )) ?? line}
          </code>
        </li>
      ))}
    </ol>
  )
})

/** The blocks up to the limit of code lines, but at least as far as the line that was asked for. */
function shownBlocks(
  all: readonly SourceBlock[],
  lines: readonly string[],
  unfolded: ReadonlySet<number>,
  limit: number,
  target: number | null,
): SourceBlock[] {
  const shown: SourceBlock[] = []
  let room = limit
  for (const block of all) {
    const wanted = target !== null && block.first <= target
    if (room <= 0 && !wanted) break
    if (block.kind === "fold" && !unfolded.has(block.first)) {
      shown.push(block)
      continue
    }
    const text = block.kind === "code" ? block.lines : lines.slice(block.first - 1, block.first - 1 + block.count)
    const count = wanted ? Math.max(room, Math.min(text.length, target - block.first + 60)) : room
    shown.push({ kind: "code", first: block.first, lines: text.slice(0, count) })
    room -= text.length
  }
  return shown
}

/** Tokens per code block, once the grammar is there; colours are a help, the text is there without them. */
function useTokens(blocks: readonly SourceBlock[], language: string): ReadonlyMap<number, Tokens> | null {
  const [found, setFound] = useState<{ blocks: readonly SourceBlock[]; tokens: ReadonlyMap<number, Tokens> } | null>(null)
  useEffect(() => {
    let wanted = true
    const code = blocks.filter((block) => block.kind === "code")
    void highlight(code.flatMap((block) => block.lines).join("\n"), language).then(
      (tokens) => {
        if (!wanted || !tokens) return
        let at = 0
        const map = new Map(code.map((block) => [block.first, tokens.slice(at, (at += block.lines.length))]))
        setFound({ blocks, tokens: map })
      },
      (reason: unknown) => console.warn("no colours for the source", reason),
    )
    return () => {
      wanted = false
    }
  }, [blocks, language])
  return found?.blocks === blocks ? found.tokens : null
}
