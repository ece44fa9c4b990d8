import { bytes, compact, exactBytes, integer } from "@/lib/format"

/** A short number whose exact value shows on hover. */
export function Bytes({ value }: { value: number | null | undefined }) {
  return (
    <span className="number" title={value == null ? "not measured" : exactBytes(value)}>
      {bytes(value)}
    </span>
  )
}

export function Count({ value }: { value: number | null | undefined }) {
  return (
    <span className="number" title={value == null ? "not measured" : integer(value)}>
      {compact(value)}
    </span>
  )
}
