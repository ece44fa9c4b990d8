/** The generated languages in words. */
import type { Emitter } from "@/api/types"

const TITLES: Record<Emitter, string> = { c: "C", cpp: "C++", llvm: "LLVM IR" }

/** "cpp" → "C++"; a language that this page does not know keeps its name. */
export function languageTitle(emit: string): string {
  return (TITLES as Record<string, string>)[emit] ?? emit
}
