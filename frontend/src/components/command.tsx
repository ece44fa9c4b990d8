import { CopyButton } from "./copy-button"
import classes from "./command.module.css"

/** A command line to read and to copy. */
export function Command({ text, label, what }: { text: string; label: string; what: string }) {
  return (
    <figure className={classes.command}>
      <figcaption className={classes.caption}>
        <span>{what}</span>
        <CopyButton text={text} label={label} />
      </figcaption>
      {/* A region that scrolls must be reachable by keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre className={classes.text} tabIndex={0} role="region" aria-label={`${what} command`}>
        <code>{text}</code>
      </pre>
    </figure>
  )
}
