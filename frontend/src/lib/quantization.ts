/** What the quantiser did, as the pages show it: worst first, errors as bars, ranges as drawings. */
import type { Quantization, QuantizedTensor, Report } from "@/api/types"

/** Above this, an error is too small to matter: the bar is empty. */
const FINE_DB = 50
/** Below this a tensor is more error than signal: the bar is full. */
const LOST_DB = 0

export type Severity = "fine" | "some" | "much"

/** How bad an error is, as a share of a bar: a small signal-to-noise ratio is a long bar. */
export function errorShare(sqnr: number): number {
  return Math.min(1, Math.max(0, (FINE_DB - sqnr) / (FINE_DB - LOST_DB)))
}

export function severity(sqnr: number): Severity {
  return sqnr >= 25 ? "fine" : sqnr >= 12 ? "some" : "much"
}

/** Tensors by what they do to the outputs, the worst first; those without a rank by their own error. */
export function worstFirst({ tensors, worst }: Pick<Quantization, "tensors" | "worst">): QuantizedTensor[] {
  const rank = new Map(worst.map((name, index) => [name, index]))
  const place = ({ name }: QuantizedTensor) => rank.get(name) ?? worst.length
  return [...tensors].sort((a, b) => place(a) - place(b) || (a.sqnr_db ?? Infinity) - (b.sqnr_db ?? Infinity))
}

/** Heights of a histogram from 0 to 1. Roots, so that what is rare, and decides the range, is seen beside what is frequent. */
export function heights(histogram: readonly number[]): number[] {
  const most = Math.max(1, ...histogram)
  return histogram.map((count) => Math.sqrt(count / most))
}

/** The range that the stored numbers cover, in real numbers. */
export function covered({ dtype, scale, zero_point: zero }: Pick<QuantizedTensor, "dtype" | "scale" | "zero_point">): [low: number, high: number] {
  const [low, high] = dtype === "int16" ? [-32768, 32767] : dtype === "uint8" ? [0, 255] : [-128, 127]
  return [(low - zero) * scale, (high - zero) * scale]
}

export interface Confused {
  right: number
  answer: number
  count: number
}

/** The most frequent mistakes. */
export function mistakes(confusion: readonly (readonly number[])[], most = 5): Confused[] {
  return confusion
    .flatMap((row, right) => row.map((count, answer) => ({ right, answer, count })))
    .filter(({ right, answer, count }) => right !== answer && count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, most)
}

/** Half the width of a 95 % confidence interval of a share that was measured on so many samples (Wilson's). */
export function uncertainty(share: number, samples: number): number {
  if (samples === 0) return 1
  const z = 1.96
  return (z / (1 + (z * z) / samples)) * Math.sqrt((share * (1 - share)) / samples + (z * z) / (4 * samples * samples))
}

/** Points lost: 0.3 means that three more of a thousand samples are wrong. */
export function pointsLost({ float32, quantized }: NonNullable<Report["accuracy"]>): number | null {
  return float32 == null || quantized == null ? null : (float32 - quantized) * 100
}

export function pointsText(points: number): string {
  const rounded = Math.round(points * 100) / 100
  return rounded === 0 ? "no difference" : `${Math.abs(rounded)} ${Math.abs(rounded) === 1 ? "point" : "points"} ${rounded > 0 ? "less" : "more"}`
}

/** 31.4 dB; equal tensors have no error at all. */
export function decibels(value: number | null | undefined): string {
  return value == null ? "–" : value >= 120 ? "equal" : `${value.toFixed(1)} dB`
}
