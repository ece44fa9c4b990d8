import classes from "./preview.module.css"
import type { KernelUse } from "@/api/types"
import { KIND_TITLES } from "@/lib/picture"

/** "tuned", or "3 generic" where only some of the nodes run so. */
export function KernelTag({ use, of }: { use: KernelUse; of: number }) {
  const { title, meaning } = KIND_TITLES[use.kind]
  return (
    <span className={classes.kernel} data-kind={use.kind} title={use.family ? `${meaning}: ${use.family}` : meaning}>
      {use.nodes !== of && `${use.nodes} `}
      {title}
    </span>
  )
}
