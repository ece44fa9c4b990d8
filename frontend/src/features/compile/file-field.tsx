import { Button } from "@mantine/core"
import { type ReactNode, useId, useRef, useState } from "react"
import classes from "./quantise.module.css"
import { bytes, plural } from "@/lib/format"
import { packed } from "@/lib/pack-files"

interface Props {
  label: string
  /** What it accepts and what it is for. */
  children: ReactNode
  accept: string
  value: File | null
  onChange: (file: File | null) => void
  /** Pictures and sounds are many files; they become one zip. */
  many?: boolean
  error?: string | null
}

/** A file beside the model: chosen, shown, taken away again. It is sent with the compilation, not before. */
export function FileField({ label, children, accept, value, onChange, many = false, error = null }: Props) {
  const file = useRef<HTMLInputElement>(null)
  const folder = useRef<HTMLInputElement>(null)
  const [count, setCount] = useState(1)
  const [problem, setProblem] = useState<string | null>(null)
  const about = useId()
  const name = useId()
  const take = (list: FileList | null, from: HTMLInputElement) => {
    const files = [...(list ?? [])]
    if (files.length === 0) return
    setCount(files.length)
    setProblem(null)
    packed(files, label.toLowerCase().replace(/\W+/g, "-")).then(onChange, () => setProblem("The files cannot be read: were they moved or changed?"))
    from.value = ""
  }
  return (
    <div className={classes.fileField} role="group" aria-labelledby={name} aria-describedby={about}>
      <span id={name} className={classes.label}>
        {label}
      </span>
      <span id={about} className={classes.about}>
        {children}
      </span>
      <div className={classes.fileRow}>
        <Button variant="default" size="compact-sm" onClick={() => file.current?.click()} aria-label={`${many ? "Choose files" : "Choose a file"}: ${label.toLowerCase()}`}>
          {many ? "Choose files" : "Choose a file"}
        </Button>
        {many && (
          <Button variant="default" size="compact-sm" onClick={() => folder.current?.click()} aria-label={`Choose a folder: ${label.toLowerCase()}`}>
            Choose a folder
          </Button>
        )}
        <span role="status" className={value ? classes.chosen : "muted"}>
          {value ? `${value.name}, ${bytes(value.size)}${count > 1 ? `, ${plural(count, "file")}` : ""}` : "nothing chosen"}
        </span>
        {value && (
          <Button variant="subtle" size="compact-sm" onClick={() => onChange(null)} aria-label={`Take away: ${label.toLowerCase()}`}>
            Take away
          </Button>
        )}
      </div>
      {(problem ?? error) && <p className={classes.bad}>{problem ?? error}</p>}
      <input
        ref={file}
        type="file"
        className="visually-hidden"
        tabIndex={-1}
        aria-label={`${label}, file`}
        accept={accept}
        multiple={many}
        onChange={(event) => take(event.target.files, event.target)}
      />
      {many && (
        <input
          ref={folder}
          type="file"
          className="visually-hidden"
          tabIndex={-1}
          aria-label={`${label}, folder`}
          {...{ webkitdirectory: "" }}
          onChange={(event) => take(event.target.files, event.target)}
        />
      )}
    </div>
  )
}
