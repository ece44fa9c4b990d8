/** The options of one compilation, as the browser holds them and as the command line and curl write them. */
import type { CompileOptions } from "@/api/types"
import type { FileNames } from "./beside"

/** The server's defaults; a test compares them with openapi.json. */
export const DEFAULT_OPTIONS: CompileOptions = {
  target: "cortex-m4",
  board: null,
  emit: "c",
  precision: "float32",
  rounding: "single",
  optimize: "balanced",
  name: "model",
  shape: {},
  architecture: null,
  source: null,
  class_name: null,
  class_args: null,
  io_layout: "source",
  arena: "static",
  weights: "auto",
  compiler: "auto",
  opt_level: "auto",
  debug: false,
  threads: 1,
  pack: null,
  budget: {},
  vectors: 4,
  softmax: false,
  quantizer: "standard",
  observer: "auto",
  preprocess: "",
  io: "source",
  keep: {},
  accuracy_budget: null,
  mixed: "int16",
  run: true,
}

/** What the command line reads the list of layers from; the page offers it for download. */
export const ARCHITECTURE_FILE = "architecture.json"

/** What a user's own source is called in commands, whatever it was called when it was chosen. */
export const SOURCE_FILE = "model.py"

/** Only what differs from the defaults, and the target, which a reader always wants to see. */
export function chosen(options: CompileOptions): Partial<CompileOptions> {
  return Object.fromEntries(Object.entries(options).filter(([key, value]) => key === "target" || !isDefault(key, value)))
}

function isDefault(key: string, value: unknown): boolean {
  return JSON.stringify(value) === JSON.stringify((DEFAULT_OPTIONS as Record<string, unknown>)[key])
}

/** For a POSIX shell; plain words stay plain. */
export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/** The folder that the command line writes: the model's name without its extension. */
export function outputFolder(model: string): string {
  const stem = model.replace(/\.[^.]+$/, "").replace(/[^\w.-]+/g, "_")
  return stem && !/^[.-]/.test(stem) ? `${stem}-out` : "out"
}

function budgetText(budget: CompileOptions["budget"]): string {
  return Object.entries(budget)
    .map(([what, limit]) => `${what}=${what === "latency" ? `${limit}ms` : wholeKiB(limit)}`)
    .join(",")
}

/** 262144 → "256KiB"; a number that is no whole KiB stays exact. */
function wholeKiB(limit: number): string {
  return limit % 1024 === 0 ? `${limit / 1024}KiB` : String(limit)
}

/** `deepmetal compile …` with these options and files. */
export function cliText(model: string, options: CompileOptions, files: FileNames = {}): string {
  const words = ["deepmetal", "compile", model]
  for (const key of Object.keys(chosen(options)) as (keyof CompileOptions)[]) words.push(...flagWords(key, options))
  words.push(...fileWords(files), "-o", outputFolder(model))
  return words.map(shellQuote).join(" ")
}

/** The files beside the model as the command line takes them. */
export function fileWords(files: FileNames): string[] {
  return Object.entries(files).flatMap(([part, name]) => [`--${part}`, name])
}

/** One option as the command line spells it. */
export function flagWords(key: keyof CompileOptions, options: CompileOptions): string[] {
  const flag = `--${key.replaceAll("_", "-")}`
  switch (key) {
    case "run":
      return ["--no-run"]
    case "softmax":
    case "debug":
      return [flag]
    case "shape":
      return Object.entries(options.shape).flatMap(([name, dimensions]) => [flag, shapeWord(name, dimensions)])
    case "budget":
      return [flag, budgetText(options.budget)]
    case "architecture":
      return [flag, ARCHITECTURE_FILE]
    case "source":
      return [flag, SOURCE_FILE]
    case "keep":
      return Object.entries(options.keep).flatMap(([layer, precision]) => [flag, `${layer}=${precision}`])
    case "class_args":
      return [flag, JSON.stringify(options.class_args)]
    case "vectors":
      return ["--vector-count", String(options.vectors)]
    default:
      return [flag, String(options[key])]
  }
}

function shapeWord(name: string, dimensions: readonly number[]): string {
  return name ? `${name}=${dimensions.join(",")}` : dimensions.join(",")
}

/** Submit, then say where to look. */
export function curlText(model: string, options: Record<string, unknown>, origin: string, files: FileNames = {}): string {
  return [
    `curl -sS -F ${shellQuote(`model=@${model}`)}`,
    `  -F ${shellQuote(`options=${JSON.stringify(options)}`)}`,
    ...Object.entries(files).map(([part, name]) => `  -F ${shellQuote(`${part}=@${name}`)}`),
    `  ${origin}/api/v1/compilations`,
  ].join(" \\\n")
}

/** How a terminal gets the file of a sample. */
export function sampleCommand(sample: { name: string; file: string }, origin: string): string {
  return `curl -sS -o ${shellQuote(sample.file)} ${origin}/api/v1/samples/${encodeURIComponent(sample.name)}`
}

/** The options of a compilation as the API returns them, which may be older than this page. */
export function withDefaults(options: Record<string, unknown>): CompileOptions {
  return { ...DEFAULT_OPTIONS, ...options }
}
