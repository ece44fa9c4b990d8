import { type ReactNode, useId } from "react"
import classes from "./choice.module.css"

interface Choice<T extends string> {
  value: T
  title: ReactNode
  description?: ReactNode
}

interface Props<T extends string> {
  legend: string
  value: T
  choices: readonly Choice<T>[]
  onChange: (value: T) => void
}

/** Radio buttons as cards; the browser's own keyboard handling. */
export function ChoiceCards<T extends string>({ legend, value, choices, onChange }: Props<T>) {
  const group = useId()
  return (
    <fieldset className={classes.group}>
      <legend className={classes.legend}>{legend}</legend>
      <div className={classes.cards}>
        {choices.map((choice) => (
          <label key={choice.value} className={classes.card}>
            <input
              type="radio"
              name={group}
              className={classes.radio}
              value={choice.value}
              checked={choice.value === value}
              onChange={() => onChange(choice.value)}
            />
            <span className={classes.text}>
              <span className={classes.title}>{choice.title}</span>
              {choice.description && <span className={classes.description}>{choice.description}</span>}
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  )
}
