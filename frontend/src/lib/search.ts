/** What a page keeps in its address, read defensively: a link may come from anywhere. */
import type { CompilationState } from "@/api/types"
import { STATES } from "./stages"

/** What the server takes for the name of a group; anything else it would refuse. */
const IDENTIFIER = /^[0-9a-hjkmnp-tv-z]{26}$/

export interface HistorySearch {
  state?: CompilationState
  target?: string
  model?: string
  group?: string
}

export function historySearch(raw: Record<string, unknown>): HistorySearch {
  const found: HistorySearch = {}
  const state = STATES.find((known) => known === raw.state)
  if (state) found.state = state
  if (isText(raw.target)) found.target = raw.target
  if (isText(raw.model)) found.model = raw.model
  if (isText(raw.group) && IDENTIFIER.test(raw.group)) found.group = raw.group
  return found
}

export const REPORT_TABS = ["layers", "quantization", "graph", "mix", "memory", "assembly", "source", "boards", "validation", "passes", "build", "log"] as const
export type ReportTab = (typeof REPORT_TABS)[number]

export interface JobSearch {
  tab?: ReportTab
  file?: string
  /** A function of the generated source to scroll to. */
  symbol?: string
}

export function jobSearch(raw: Record<string, unknown>): JobSearch {
  const found: JobSearch = {}
  const tab = REPORT_TABS.find((known) => known === raw.tab)
  if (tab) found.tab = tab
  if (isText(raw.file)) found.file = raw.file
  if (isText(raw.symbol)) found.symbol = raw.symbol
  return found
}

export const GROUP_VIEWS = ["costs", "precision", "boards"] as const
export type GroupView = (typeof GROUP_VIEWS)[number]

export interface GroupSearch {
  view?: GroupView
}

export function groupSearch(raw: Record<string, unknown>): GroupSearch {
  const view = GROUP_VIEWS.find((known) => known === raw.view)
  return view ? { view } : {}
}

export interface OperatorSearch {
  find?: string
}

export function operatorSearch(raw: Record<string, unknown>): OperatorSearch {
  return isText(raw.find) ? { find: raw.find } : {}
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= 300
}
