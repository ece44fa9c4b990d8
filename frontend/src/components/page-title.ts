import { useEffect } from "react"

/** The title of the tab while a page is shown. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · DeepMetal` : "DeepMetal"
  }, [title])
}

/** The icon of the tab: its dot tells the state where the title is cut off. */
export function useFavicon(mark: "" | "busy" | "ok" | "bad"): void {
  useEffect(() => {
    const link = document.querySelector<HTMLLinkElement>("link[rel=icon]")
    if (!link) return
    link.href = mark ? `/favicon-${mark}.svg` : "/favicon.svg"
    return () => {
      link.href = "/favicon.svg"
    }
  }, [mark])
}
