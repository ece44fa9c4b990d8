/** Line icons on a 16-pixel grid; decoration only, the words beside them carry the meaning. */
import type { ReactNode } from "react"

function icon(drawing: ReactNode) {
  return function Icon({ size = 16 }: { size?: number }) {
    return (
      <svg
        width={size}
        height={size}
        viewBox="0 0 16 16"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
        focusable="false"
        style={{ flex: "none" }}
      >
        {drawing}
      </svg>
    )
  }
}

export const CheckIcon = icon(<path d="m3 8.5 3.2 3.2L13 4.8" />)
export const CrossIcon = icon(<path d="m4 4 8 8m0-8-8 8" />)
export const MinusIcon = icon(<path d="M3.5 8h9" />)
export const ClockIcon = icon(<path d="M8 4.5V8l2.2 1.6M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z" />)
export const DotIcon = icon(<circle cx="8" cy="8" r="2.2" />)
export const RunIcon = icon(<path d="M13.5 8A5.5 5.5 0 1 1 10 2.9" />)
export const WarnIcon = icon(<path d="M8 6.2v3m0 2.4v.1M7.1 2.6 1.9 11.8a1 1 0 0 0 .9 1.5h10.4a1 1 0 0 0 .9-1.5L8.9 2.6a1 1 0 0 0-1.8 0Z" />)
export const CopyIcon = icon(<path d="M10.5 5.5v-2a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2m1-5h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-6a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1Z" />)
export const DownloadIcon = icon(<path d="M8 2.5v7.7m-3-3 3 3 3-3M2.5 13.5h11" />)
export const UploadIcon = icon(<path d="M8 10.3V2.6m-3 3 3-3 3 3M2.5 13.5h11" />)
export const SunIcon = icon(<path d="M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6ZM8 1.5v1m0 11v1m6.5-6.5h-1m-11 0h-1m11.1-4.6-.7.7m-7.8 7.8-.7.7m9.2 0-.7-.7M4.1 4.1l-.7-.7" />)
export const MoonIcon = icon(<path d="M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1Z" />)
export const SystemIcon = icon(<path d="M2.5 3h11v7.5h-11zM6 13.5h4m-2-3v3" />)
export const ArrowUpIcon = icon(<path d="M8 13V3.4m-3.5 3.5L8 3.4l3.5 3.5" />)
export const ArrowDownIcon = icon(<path d="M8 3v9.6m-3.5-3.5L8 12.6l3.5-3.5" />)
export const ChevronIcon = icon(<path d="m6 4 4 4-4 4" />)
export const FileIcon = icon(<path d="M9 2H4.5a1 1 0 0 0-1 1v10a1 1 0 0 0 1 1h7a1 1 0 0 0 1-1V5.5L9 2Zm0 0v3.5h3.5" />)
export const StarIcon = icon(<path d="m8 2.4 1.7 3.6 3.9.5-2.9 2.7.8 3.9L8 11.2l-3.5 1.9.8-3.9-2.9-2.7 3.9-.5L8 2.4Z" fill="currentColor" />)
export const ChipIcon = icon(<path d="M4.5 4.5h7v7h-7zM6.5 2v2.5m3-2.5v2.5m-3 7V14m3-2.5V14M2 6.5h2.5M2 9.5h2.5m7-3H14m-2.5 3H14" />)
