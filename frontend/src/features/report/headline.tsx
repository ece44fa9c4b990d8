import classes from "./report.module.css"
import type { Report } from "@/api/types"
import { CheckIcon, CrossIcon, WarnIcon } from "@/components/icons"
import { verdict } from "@/lib/verdict"

const ICONS = { ok: CheckIcon, warn: WarnIcon, bad: CrossIcon }

/** The verdict, before any number. */
export function Headline({ report }: { report: Report }) {
  const { kind, title, detail } = verdict(report)
  const Icon = ICONS[kind]
  return (
    <section className={classes.verdict} data-verdict={kind} aria-label="Verdict">
      <span className={classes.verdictIcon}>
        <Icon size={20} />
      </span>
      <div>
        <h2>{title}</h2>
        <p>{detail}</p>
      </div>
    </section>
  )
}
