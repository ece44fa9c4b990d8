/** How pictures and sounds become numbers: the text `scale=1/255,mean=0.5,…` as fields, checked as the compiler does. */

export interface PreprocessField {
  key: string
  label: string
  hint: string
  placeholder: string
  /** Instead of free text. */
  choices?: readonly string[]
  allows: RegExp
  problem: string
}

const NUMBER = String.raw`-?(\d+\.?\d*|\.\d+)(e-?\d+)?`
const NUMBERS = new RegExp(`^${NUMBER}(:${NUMBER}){0,3}$`, "i")

export const PREPROCESS: readonly PreprocessField[] = [
  {
    key: "scale",
    label: "Scale",
    hint: "Pixels are 0 to 255, sounds −1 to 1",
    placeholder: "1/255",
    allows: new RegExp(`^${NUMBER}(/${NUMBER})?$`, "i"),
    problem: "A number or a fraction, such as 1/255",
  },
  { key: "mean", label: "Mean", hint: "Subtracted after that", placeholder: "0.485:0.456:0.406", allows: NUMBERS, problem: "A number, or one for each channel, such as 0.5:0.4:0.3" },
  { key: "std", label: "Deviation", hint: "Divided by at last", placeholder: "0.229:0.224:0.225", allows: NUMBERS, problem: "A number, or one for each channel, such as 0.5:0.4:0.3" },
  { key: "resize", label: "Size", hint: "Height × width; the input's own", placeholder: "96x96", allows: /^\d{1,4}x\d{1,4}$/, problem: "Height x width, such as 96x96" },
  choice("fit", "Other proportions", "How pictures get that size", ["stretch", "crop"]),
  choice("color", "Colours", "auto: as many channels as the input", ["auto", "rgb", "bgr", "gray"]),
  choice("layout", "Channels", "auto: by the shape of the input", ["auto", "chw", "hwc"]),
]

function choice(key: string, label: string, hint: string, choices: readonly string[]): PreprocessField {
  return { key, label, hint, choices, placeholder: choices[0]!, allows: new RegExp(`^(${choices.join("|")})$`), problem: `One of ${choices.join(", ")}` }
}

/** `scale=1/255,mean=0.5` → {scale: "1/255", mean: "0.5"} */
export function fieldsOfPreprocess(text: string): Record<string, string> {
  return Object.fromEntries(text.split(",").flatMap((part) => (part.includes("=") ? [[part.slice(0, part.indexOf("=")).trim(), part.slice(part.indexOf("=") + 1).trim()]] : [])))
}

/** The text with one field changed; what is empty or the default is left out. */
export function withField(text: string, key: string, value: string): string {
  const values = { ...fieldsOfPreprocess(text), [key]: value.trim().replaceAll(",", ":") }
  return PREPROCESS.flatMap(({ key: name, choices }) => {
    const given = values[name]
    return given && given !== choices?.[0] ? [`${name}=${given}`] : []
  }).join(",")
}

export function fieldProblem({ allows, problem }: PreprocessField, value: string): string | null {
  return value === "" || allows.test(value) ? null : problem
}

/** Null: the compiler will understand it. */
export function preprocessProblem(text: string): string | null {
  const values = fieldsOfPreprocess(text)
  return PREPROCESS.map((field) => fieldProblem(field, values[field.key] ?? "")).find((problem) => problem !== null) ?? null
}
