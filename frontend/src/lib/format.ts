/** How numbers are written, everywhere: thousands separators, binary prefixes for memory, exact values at hand. */

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 })
const dash = "–"

/** 64008 → "64,008". */
export function integer(value: number | null | undefined): string {
  return value == null ? dash : whole.format(value)
}

/** Three significant digits without trailing zeros: 62.5, 1.02, 312. */
function scaled(value: number, base: number, units: readonly string[]): string {
  let unit = 0
  let rest = value
  // 999.6 of this unit would print as 1000
  while (unit < units.length - 1 && rest >= base * 0.9995) {
    rest /= base
    unit += 1
  }
  const digits = rest >= 100 || unit === 0 ? 0 : rest >= 10 ? 1 : 2
  return `${rest.toLocaleString("en-US", { maximumFractionDigits: digits })} ${units[unit]}`.trim()
}

/** 64008 → "62.5 KiB"; below one KiB the bytes themselves. */
export function bytes(value: number | null | undefined): string {
  return value == null ? dash : scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB"])
}

/** 64008 → "64,008 bytes". */
export function exactBytes(value: number): string {
  return `${integer(value)} ${value === 1 ? "byte" : "bytes"}`
}

/** 10612345 → "10.6 M". */
export function compact(value: number | null | undefined): string {
  return value == null ? dash : scaled(value, 1000, ["", "k", "M", "G", "T"])
}

/** 0.0000012 → "1.2e-6"; 0 → "0". */
export function small(value: number | null | undefined): string {
  if (value == null) return dash
  if (value === 0) return "0"
  if (Math.abs(value) >= 0.01 && Math.abs(value) < 1000) return String(Number(value.toPrecision(3)))
  const [mantissa, exponent] = value.toExponential(1).split("e")
  return `${mantissa!.replace(/\.0$/, "")}e${exponent!.replace("+", "")}`
}

/** Two digits and an exponent, so that a column of errors lines up: 2e-6 → "2.0e-6"; 0 → "0". */
export function scientific(value: number | null | undefined): string {
  return value == null ? dash : value === 0 ? "0" : value.toExponential(1).replace("e+", "e")
}

/** 0.9725 → "97.3 %". */
export function percent(share: number | null | undefined, digits = 1): string {
  return share == null ? dash : `${(share * 100).toFixed(digits).replace(/\.0+$/, "")} %`
}

/** 0.93 → "0.93 s"; 75 → "1 min 15 s". */
export function seconds(value: number | null | undefined): string {
  if (value == null) return dash
  if (value < 0.0005) return "< 1 ms"
  if (value < 0.1) return `${Math.round(value * 1000)} ms`
  if (value < 10) return `${value.toFixed(2)} s`
  if (value < 60) return `${value.toFixed(1)} s`
  const total = Math.round(value)
  const minutes = Math.floor(total / 60)
  if (minutes < 60) return `${minutes} min ${total % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** 0.0123 → "12.3 µs"; 20.5 → "20.5 ms"; the compiled code's latency. */
export function milliseconds(value: number | null | undefined): string {
  if (value == null) return dash
  if (value > 0 && value < 1) return `${Number((value * 1000).toPrecision(3))} µs`
  return value < 1000 ? `${Number(value.toPrecision(3))} ms` : seconds(value / 1000)
}

/** How far an estimate may be off; without a reference nobody knows. */
export function errorMargin(percent: number | null | undefined): string {
  return percent == null ? "uncalibrated" : `± ${Number(percent.toPrecision(2))} %`
}

/** [1, 64, 25, 5] → "1×64×25×5"; a dimension that the model leaves open is "?". */
export function shape(dimensions: readonly (number | null)[]): string {
  return dimensions.length === 0 ? "scalar" : dimensions.map((d) => d ?? "?").join("×")
}

const STEPS: readonly [number, Intl.RelativeTimeFormatUnit][] = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [30, "day"],
  [12, "month"],
  [Infinity, "year"],
]
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" })

/** "2 minutes ago", seen from `now` (milliseconds). */
export function ago(iso: string, now: number): string {
  let amount = Math.min(0, (Date.parse(iso) - now) / 1000)
  if (amount > -5) return "just now"
  for (const [size, unit] of STEPS) {
    if (Math.round(-amount) < size) return relative.format(Math.round(amount), unit)
    amount /= size
  }
  return dash
}

/** The exact moment, in the reader's time zone. */
export function moment(iso: string): string {
  return new Date(iso).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" })
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${integer(count)} ${count === 1 ? one : many}`
}
