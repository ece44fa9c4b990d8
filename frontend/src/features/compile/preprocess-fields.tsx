import { NativeSelect, TextInput } from "@mantine/core"
import classes from "./quantise.module.css"
import { fieldProblem, fieldsOfPreprocess, PREPROCESS, withField } from "@/lib/preprocess"

/** How pictures and sounds become the numbers that the model was trained with. */
export function PreprocessFields({ text, onChange }: { text: string; onChange: (text: string) => void }) {
  const values = fieldsOfPreprocess(text)
  return (
    <fieldset className={classes.preprocess}>
      <legend>How images and sounds become numbers</legend>
      {PREPROCESS.map((field) =>
        field.choices ? (
          <NativeSelect
            key={field.key}
            label={field.label}
            description={field.hint}
            value={values[field.key] ?? field.choices[0]}
            data={[...field.choices]}
            onChange={(event) => onChange(withField(text, field.key, event.currentTarget.value))}
          />
        ) : (
          <TextInput
            key={field.key}
            label={field.label}
            description={field.hint}
            placeholder={field.placeholder}
            value={values[field.key] ?? ""}
            error={fieldProblem(field, values[field.key] ?? "")}
            onChange={(event) => onChange(withField(text, field.key, event.currentTarget.value))}
            autoComplete="off"
            spellCheck={false}
          />
        ),
      )}
    </fieldset>
  )
}
