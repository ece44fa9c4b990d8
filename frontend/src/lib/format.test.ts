import { describe, expect, it } from "vitest"
import { ago, bytes, compact, errorMargin, exactBytes, integer, milliseconds, percent, plural, scientific, seconds, shape, small } from "./format"

describe("bytes", () => {
  it.each([
    [0, "0 B"],
    [312, "312 B"],
    [1023, "1,023 B"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [64008, "62.5 KiB"],
    [102400, "100 KiB"],
    [1048064, "1 MiB"],
    [1064978, "1.02 MiB"],
    [5 * 2 ** 30, "5 GiB"],
    [null, "–"],
  ])("%s is %s", (value, text) => expect(bytes(value)).toBe(text))

  it("says the exact number for hovering", () => {
    expect(exactBytes(64008)).toBe("64,008 bytes")
    expect(exactBytes(1)).toBe("1 byte")
  })
})

describe("counts", () => {
  it.each([
    [768, "768"],
    [999_700, "1 M"],
    [2_656_768, "2.66 M"],
    [10_612_345, "10.6 M"],
    [56_000_000, "56 M"],
    [109_000_000, "109 M"],
    [undefined, "–"],
  ])("%s is %s", (value, text) => expect(compact(value)).toBe(text))

  it("groups thousands", () => expect(integer(10612345)).toBe("10,612,345"))
  it("knows one from many", () => {
    expect(plural(1, "layer")).toBe("1 layer")
    expect(plural(2000, "layer")).toBe("2,000 layers")
  })
})

describe("measures", () => {
  it.each([
    [0, "0"],
    [1.2e-6, "1.2e-6"],
    [1e-4, "1e-4"],
    [0.25, "0.25"],
    [42.123, "42.1"],
    [1.5e6, "1.5e6"],
    [null, "–"],
  ])("%s is %s", (value, text) => expect(small(value)).toBe(text))

  it.each([
    [1, "100 %"],
    [0.9725, "97.3 %"],
    [0.005, "0.5 %"],
  ])("%s is %s", (value, text) => expect(percent(value)).toBe(text))

  it.each([
    [0, "< 1 ms"],
    [0.042, "42 ms"],
    [0.93, "0.93 s"],
    [12.34, "12.3 s"],
    [75, "1 min 15 s"],
    [3700, "1 h 1 min"],
  ])("%s seconds are %s", (value, text) => expect(seconds(value)).toBe(text))

  it("lines errors up in a column", () => {
    expect([2e-6, 1.84e-7, 0, 12, null].map(scientific)).toEqual(["2.0e-6", "1.8e-7", "0", "1.2e1", "–"])
  })

  it("writes shapes, open dimensions included", () => {
    expect(shape([1, null, 25, 5])).toBe("1×?×25×5")
    expect(shape([])).toBe("scalar")
  })
})

describe("ago", () => {
  const now = Date.parse("2026-11-21T12:00:00Z")
  it.each([
    ["2026-11-21T11:59:58Z", "just now"],
    ["2026-11-21T12:00:30Z", "just now"],
    ["2026-11-21T11:59:20Z", "40 sec. ago"],
    ["2026-11-21T11:30:00Z", "30 min. ago"],
    ["2026-11-21T02:00:00Z", "10 hr. ago"],
    ["2026-11-20T11:00:00Z", "yesterday"],
    ["2025-11-01T12:00:00Z", "last yr."],
  ])("%s is %s", (iso, text) => expect(ago(iso, now)).toBe(text))
})

it.each([
  [null, "–"],
  [0, "0 ms"],
  [0.0123, "12.3 µs"],
  [20.512, "20.5 ms"],
  [999, "999 ms"],
  [2500, "2.50 s"],
])("%s milliseconds", (value, text) => expect(milliseconds(value)).toBe(text))

it("says how far an estimate may be off", () => {
  expect(errorMargin(12.34)).toBe("± 12 %")
  expect(errorMargin(7)).toBe("± 7 %")
  expect(errorMargin(null)).toBe("uncalibrated")
})
