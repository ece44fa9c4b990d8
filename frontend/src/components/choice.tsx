import { type ReactNode, useId } from "react"
import classes from "./choice.module.css"

interface Choice<T extends string> {
  value: T
  title: ReactNode
  description?: ReactNode
  /** A line below, such as an estimate. */
  note?: ReactNode
  disabled?: boolean
}

interface Props<T extends string> {
  legend: ReactNode
  choices: readonly Choice<T>[]
  /** Beside the legend, such as a button that chooses all. */
  aside?: ReactNode
  wide?: boolean
}

interface One<T extends string> extends Props<T> {
  value: T
  onChange: (value: T) => void
}

interface Several<T extends string> extends Props<T> {
  values: readonly T[]
  onChange: (values: T[]) => void
}

/** Radio buttons as cards; the browser's own keyboard handling. */
export function ChoiceCards<T extends string>({ value, onChange, ...props }: One<T>) {
  return <Cards type="radio" {...props} isChosen={(one) => one === value} onToggle={onChange} />
}

/** Check boxes as cards: any number of them, in the order in which the choices stand. */
export function CheckCards<T extends string>({ values, onChange, ...props }: Several<T>) {
  const toggle = (one: T, chosen: boolean) => onChange(chosen ? [...values, one] : values.filter((other) => other !== one))
  return <Cards type="checkbox" {...props} isChosen={(one) => values.includes(one)} onToggle={toggle} />
}

interface CardsProps<T extends string> extends Props<T> {
  type: "radio" | "checkbox"
  isChosen: (value: T) => boolean
  onToggle: (value: T, chosen: boolean) => void
}

function Cards<T extends string>({ type, legend, choices, aside, wide, isChosen, onToggle }: CardsProps<T>) {
  const group = useId()
  return (
    <fieldset className={classes.group}>
      <legend className={classes.legend}>{legend}</legend>
      {aside && <div className={classes.aside}>{aside}</div>}
      <div className={classes.cards} data-wide={wide ? true : undefined}>
        {choices.map((choice) => (
          <label key={choice.value} className={classes.card} data-disabled={choice.disabled ? true : undefined}>
            <input
              type={type}
              name={group}
              className={classes.radio}
              value={choice.value}
              checked={isChosen(choice.value)}
              disabled={choice.disabled}
              onChange={(event) => onToggle(choice.value, event.currentTarget.checked)}
            />
            <span className={classes.text}>
              <span className={classes.title}>{choice.title}</span>
              {choice.description && <span className={classes.description}>{choice.description}</span>}
              {choice.note && <span className={classes.note}>{choice.note}</span>}
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  )
}
