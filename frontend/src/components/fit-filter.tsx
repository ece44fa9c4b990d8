import { NativeSelect, Switch, TextInput } from "@mantine/core"
import classes from "./fit.module.css"
import { FIT_CHOICES, type FitFilter, vendorsOf } from "@/lib/fits"

interface Props {
  boards: readonly { vendor: string }[]
  value: FitFilter
  onChange: (filter: FitFilter) => void
}

/** What narrows a list of boards down. */
export function FitFilters({ boards, value, onChange }: Props) {
  return (
    <search className={classes.filters}>
      <TextInput label="Board" type="search" placeholder="name or vendor" value={value.text} onChange={(event) => onChange({ ...value, text: event.currentTarget.value })} autoComplete="off" />
      <NativeSelect
        label="Vendor"
        value={value.vendor}
        onChange={(event) => onChange({ ...value, vendor: event.currentTarget.value })}
        data={[{ value: "", label: "Any" }, ...vendorsOf(boards)]}
      />
      <NativeSelect
        label="Fits"
        value={value.fit}
        onChange={(event) => onChange({ ...value, fit: FIT_CHOICES.find((known) => known === event.currentTarget.value) ?? "" })}
        data={[
          { value: "", label: "Any" },
          { value: "yes", label: "Yes" },
          { value: "no", label: "No" },
          { value: "unknown", label: "Not known" },
        ]}
      />
      <Switch label="Verified only" checked={value.verified} onChange={(event) => onChange({ ...value, verified: event.currentTarget.checked })} />
    </search>
  )
}
