import { Button } from "@mantine/core"
import { EstimateNote } from "./estimate-note"
import classes from "./new-compile.module.css"
import type { Board, Target } from "@/api/types"
import { CheckCards } from "@/components/choice"
import type { Needs } from "@/lib/estimate"
import { familyOf, rank, whereItRuns } from "@/lib/targets"

interface Props {
  targets: readonly Target[]
  boards: readonly Board[]
  needs: Needs | null
  values: readonly string[]
  onChange: (targets: string[]) => void
}

/** Every processor there is, by family; several may be chosen. */
export function TargetCards({ targets, boards, needs, values, onChange }: Props) {
  const inOrder = (names: readonly string[]) => targets.map(({ name }) => name).filter((name) => names.includes(name))
  const families = [...new Set(targets.map(familyOf))].sort((a, b) => rank(a) - rank(b))
  return families.map((family) => {
    const members = targets.filter((target) => familyOf(target) === family)
    const names = members.map(({ name }) => name)
    const all = names.every((name) => values.includes(name))
    const others = values.filter((name) => !names.includes(name))
    return (
      <CheckCards
        key={family}
        wide
        legend={family}
        values={values}
        onChange={(next) => onChange(inOrder(next))}
        aside={
          members.length > 1 && (
            <Button
              variant="subtle"
              size="compact-xs"
              onClick={() => onChange(inOrder(all ? others : [...others, ...names]))}
              aria-label={all ? `Choose none of ${family}` : `Choose all of ${family}`}
            >
              {all ? "None" : "All"}
            </Button>
          )
        }
        choices={members.map((target) => ({
          value: target.name,
          title: target.title,
          description: <TargetFacts target={target} />,
          note: needs && (
            <EstimateNote needs={needs} target={target} boards={boards.filter((board) => board.target === target.name)} />
          ),
        }))}
      />
    )
  })
}

function TargetFacts({ target }: { target: Target }) {
  return (
    <>
      <code className={classes.targetName}>{target.name}</code>
      {target.description && <span className={`${classes.targetLine} ${classes.targetAbout}`}>{target.description}</span>}
      <span className={classes.targetLine} title={[target.clock_of, target.runs_on].filter(Boolean).join("; ")}>
        {[target.clock_mhz && `${target.clock_mhz} MHz`, whereItRuns(target)].filter(Boolean).join(" · ")}
      </span>
    </>
  )
}
