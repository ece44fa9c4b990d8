/** What may be typed about quantisation, checked as the compiler checks it. */

/** Points of accuracy, or decibels. */
export function accuracyProblem(text: string): string | null {
  return text === "" || /^\d{1,3}(\.\d{1,4})?(dB)?$/.test(text) ? null : "A number of points, such as 0.5, or of decibels, such as 25dB"
}
