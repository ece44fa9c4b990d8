/** Shiki with the JavaScript engine and only the grammars that artifacts need, each loaded when first used. */
import { createHighlighterCore, type HighlighterCore, type ThemedTokenWithVariants } from "shiki/core"
import { createJavaScriptRegexEngine } from "shiki/engine/javascript"

const GRAMMARS = {
  c: () => import("@shikijs/langs/c"),
  cpp: () => import("@shikijs/langs/cpp"),
  llvm: () => import("@shikijs/langs/llvm"),
  json: () => import("@shikijs/langs/json"),
  markdown: () => import("@shikijs/langs/markdown"),
  cmake: () => import("@shikijs/langs/cmake"),
}

export type Tokens = ThemedTokenWithVariants[][]

let highlighter: Promise<HighlighterCore> | null = null

/** One list of tokens per line, each with a colour for both schemes; null for a language without a grammar. */
export async function highlight(code: string, language: string): Promise<Tokens | null> {
  if (!(language in GRAMMARS)) return null
  highlighter ??= createHighlighterCore({
    themes: [import("@shikijs/themes/github-light-default"), import("@shikijs/themes/github-dark-default")],
    langs: [],
    engine: createJavaScriptRegexEngine({ forgiving: true }),
  })
  const core = await highlighter
  await core.loadLanguage(await GRAMMARS[language as keyof typeof GRAMMARS]())
  return core.codeToTokensWithThemes(code, { lang: language, themes: { light: "github-light-default", dark: "github-dark-default" } })
}
