import { useEffect, useState } from "react"
import { ago, moment } from "@/lib/format"

/** "2 minutes ago", kept true; the exact moment on hover. */
export function TimeAgo({ iso }: { iso: string }) {
  const now = useNow(15_000)
  return (
    <time dateTime={iso} title={moment(iso)}>
      {ago(iso, now)}
    </time>
  )
}

/** The clock, read again every `interval` milliseconds; stands still while `interval` is null. */
export function useNow(interval: number | null): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    if (interval === null) return
    const timer = setInterval(() => setNow(Date.now()), interval)
    return () => clearInterval(timer)
  }, [interval])
  return now
}
