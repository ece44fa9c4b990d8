import type { ReactNode } from "react"
import { ApiProblem } from "@/api/client"
import type { CompileError } from "@/api/types"
import { CrossIcon } from "./icons"
import { MarkedText } from "./marked"
import classes from "./problem.module.css"

/** An error as a person needs it: what, where, the facts, the way out; with its code. `heading`: it is the page. */
export function Problem({ error, heading, children }: { error: CompileError; heading?: boolean; children?: ReactNode }) {
  const Title = heading ? "h1" : "p"
  const facts = Object.entries(error.facts)
  return (
    <section className={classes.problem} role="alert">
      <Title className={classes.title}>
        <CrossIcon />
        <span>
          {error.code && <code className={classes.code}>{error.code}</code>} {error.title}
        </span>
      </Title>
      {(error.where || facts.length > 0) && (
        <dl className={classes.facts}>
          {error.where && (
            <>
              <dt>where</dt>
              <dd>{error.where}</dd>
            </>
          )}
          {facts.map(([name, value]) => (
            <div key={name} className={classes.fact}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
      {error.help && (
        <p className={classes.help}>
          <strong>What to do:</strong> <MarkedText text={error.help} />
        </p>
      )}
      {children && <div className={classes.actions}>{children}</div>}
    </section>
  )
}

/** Anything that was thrown, as an error with words. */
export function asError(reason: unknown): CompileError {
  if (reason instanceof ApiProblem) return reason.error
  return {
    kind: "page",
    code: "",
    title: "This page failed to show what the server sent",
    where: window.location.pathname,
    facts: { message: reason instanceof Error ? reason.message : String(reason) },
    help: "Reload the page. If it stays, report it with the message above; the compilation itself is not affected.",
  }
}
