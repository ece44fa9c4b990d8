import { Button, TextInput } from "@mantine/core"
import classes from "./new-compile.module.css"
import { proposalText, shapeProblem } from "@/lib/shape"

interface Props {
  needed: Record<string, (number | null)[]>
  texts: Record<string, string>
  onChange: (texts: Record<string, string>) => void
  onCheck: (() => void) | null
}

/** The file does not say how large its inputs are: ask, with a proposal. */
export function ShapeQuestion({ needed, texts, onChange, onCheck }: Props) {
  return (
    <fieldset className={classes.question}>
      <legend>Input shape</legend>
      {Object.entries(needed).map(([input, proposal]) => (
        <TextInput
          key={input}
          label={input || "input"}
          description={`Proposed: ${proposalText(proposal)}`}
          value={texts[input] ?? ""}
          error={shapeProblem(texts[input] ?? "", proposal.map(() => null))}
          onChange={(event) => onChange({ ...texts, [input]: event.currentTarget.value })}
          autoComplete="off"
          spellCheck={false}
        />
      ))}
      <Button variant="default" size="compact-sm" disabled={onCheck === null} onClick={() => onCheck?.()}>
        Check this shape
      </Button>
    </fieldset>
  )
}
