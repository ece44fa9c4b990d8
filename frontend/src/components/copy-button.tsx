import { Button } from "@mantine/core"
import { useEffect, useState } from "react"
import { CheckIcon, CopyIcon } from "./icons"

/** Copies text and says so, in the button and to screen readers. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [result, setResult] = useState<"copied" | "refused" | null>(null)
  useEffect(() => {
    if (result === null) return
    const timer = setTimeout(() => setResult(null), 2000)
    return () => clearTimeout(timer)
  }, [result])
  const copy = () => void writeClipboard(text).then((ok) => setResult(ok ? "copied" : "refused"))
  return (
    <Button variant="default" size="compact-sm" onClick={copy} leftSection={result === "copied" ? <CheckIcon /> : <CopyIcon />}>
      <span aria-live="polite">{result === "copied" ? "Copied" : result === "refused" ? "Select the text to copy it" : label}</span>
    </Button>
  )
}

/** The clipboard is there only on secure origins; a hidden field serves on the others. */
async function writeClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copyThroughField(text)
  }
}

function copyThroughField(text: string): boolean {
  const back = document.activeElement
  const field = document.createElement("textarea")
  field.value = text
  field.style.position = "fixed"
  field.style.opacity = "0"
  document.body.append(field)
  field.select()
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way without a secure origin
  const copied = document.execCommand("copy")
  field.remove()
  if (back instanceof HTMLElement) back.focus()
  return copied
}
