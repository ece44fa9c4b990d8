import { Button, TextInput } from "@mantine/core"
import type { Ready } from "./use-inspection"
import classes from "./new-compile.module.css"
import { Problem } from "@/components/problem"
import { proposalText, shapeProblem } from "@/lib/shape"

export interface ShapeAsked {
  proposal: readonly (number | null)[]
  /** The model's own shape: null where it may be chosen. */
  open: readonly (number | null)[]
}

interface Props {
  needed: Record<string, ShapeAsked>
  texts: Record<string, string>
  onChange: (texts: Record<string, string>) => void
  onCheck: (() => void) | null
  check: Ready["check"]
}

/** The file does not say how large its inputs are: ask, with a proposal. */
export function ShapeQuestion({ needed, texts, onChange, onCheck, check }: Props) {
  return (
    <fieldset className={classes.question}>
      <legend>Input shape</legend>
      {Object.entries(needed).map(([input, { proposal, open }]) => (
        <TextInput
          key={input}
          label={input || "input"}
          description={`Proposed: ${proposalText(proposal)}`}
          value={texts[input] ?? ""}
          error={shapeProblem(texts[input] ?? "", open)}
          onChange={(event) => onChange({ ...texts, [input]: event.currentTarget.value })}
          autoComplete="off"
          spellCheck={false}
        />
      ))}
      <Button
        variant="default"
        size="compact-sm"
        disabled={onCheck === null}
        loading={check !== undefined && "running" in check}
        onClick={() => onCheck?.()}
      >
        Check this shape
      </Button>
      {check && "error" in check && <Problem error={check.error} />}
    </fieldset>
  )
}
