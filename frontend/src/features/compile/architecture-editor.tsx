import { Button, TextInput } from "@mantine/core"
import { useQuery } from "@tanstack/react-query"
import { useId, useState } from "react"
import classes from "./architecture.module.css"
import { LayerForm } from "./layer-form"
import type { Ready } from "./use-inspection"
import { catalogQuery } from "@/api/catalog"
import type { Architecture } from "@/api/types"
import { Problem } from "@/components/problem"
import { argsText, fileText, holesOf, inserted, moved, parseInput, removed, replaced, STEPS, submitted, tensorsText } from "@/lib/architecture"
import { plural } from "@/lib/format"
import { ARCHITECTURE_FILE } from "@/lib/options"
import { proposalText } from "@/lib/shape"

interface Props {
  list: Architecture
  /** The list, and what of it is sent. */
  onChange: (list: Architecture, sent: Architecture) => void
  onCheck: (list: Architecture) => void
  check: Ready["check"]
}

/** The layers of a file that holds weights alone: filled in as far as its tensors tell, the rest to be chosen. */
export function ArchitectureEditor({ list, onChange, onCheck, check }: Props) {
  const catalog = useQuery(catalogQuery)
  const [edited, setEdited] = useState<number | null>(() => holesOf(list)[0] ?? null)
  const [input, setInput] = useState(() => (list.input ? proposalText(list.input) : ""))
  const types = useId()
  const holes = holesOf(list)
  const change = (next: Architecture) => onChange(next, submitted(next))
  const sized = list.input !== null && !list.input.includes(null)
  const several = Object.keys(list.inputs).length > 0
  return (
    <>
      <datalist id={types}>
        {[...STEPS, ...(catalog.data?.layers ?? [])].map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      {!several && (
        <div className={classes.input}>
          <TextInput
            label="Shape of the input, batch first"
            value={input}
            placeholder="1, 3, 32, 32"
            error={input && !sized ? "A whole positive number for each size, such as 1, 3, 32, 32" : null}
            onChange={(event) => {
              const text = event.currentTarget.value
              setInput(text)
              change({ ...list, input: parseInput(text) })
            }}
            autoComplete="off"
            spellCheck={false}
          />
        </div>
      )}
      <ol className={classes.layers}>
        {list.layers.map((layer, index) => (
          <li key={index} data-hole={layer.type === null || undefined}>
            <div className={classes.row}>
              <button type="button" className={classes.open} aria-expanded={edited === index} onClick={() => setEdited(edited === index ? null : index)}>
                <strong>{layer.type ?? "to be chosen"}</strong>
                <span className="mono">{layer.name}</span>
                <span className="muted">{[argsText(layer.args), layer.from && `reads ${layer.from.join(", ")}`].filter(Boolean).join(" · ")}</span>
                {layer.note && <span className={classes.note}>{layer.note}</span>}
              </button>
              <span className={classes.actions}>
                <Button variant="subtle" size="compact-sm" disabled={index === 0} onClick={() => change(moved(list, index, -1))} aria-label={`Move layer ${index + 1} up`}>
                  ↑
                </Button>
                <Button
                  variant="subtle"
                  size="compact-sm"
                  disabled={index === list.layers.length - 1}
                  onClick={() => change(moved(list, index, 1))}
                  aria-label={`Move layer ${index + 1} down`}
                >
                  ↓
                </Button>
                <Button
                  variant="subtle"
                  size="compact-sm"
                  onClick={() => {
                    change(inserted(list, index + 1))
                    setEdited(index + 1)
                  }}
                  aria-label={`Add a layer after layer ${index + 1}`}
                >
                  +
                </Button>
                <Button
                  variant="subtle"
                  color="red"
                  size="compact-sm"
                  onClick={() => {
                    change(removed(list, index))
                    setEdited(null)
                  }}
                  aria-label={`Remove layer ${index + 1}`}
                >
                  ×
                </Button>
              </span>
            </div>
            {edited === index && (
              <>
                {Object.keys(layer.tensors).length > 0 && <p className={`muted ${classes.tensors}`}>In the file: {tensorsText(layer.tensors)}</p>}
                <LayerForm layer={layer} types={types} onChange={(next) => change(replaced(list, index, next))} />
              </>
            )}
          </li>
        ))}
      </ol>
      <div className={classes.foot}>
        {list.layers.length === 0 && (
          <Button variant="default" size="compact-sm" onClick={() => change(inserted(list, 0))}>
            Add a layer
          </Button>
        )}
        <Button
          variant="default"
          size="compact-sm"
          disabled={holes.length > 0 || list.layers.length === 0 || (!several && !sized)}
          loading={check !== undefined && "running" in check}
          onClick={() => onCheck(submitted(list))}
        >
          Check these layers
        </Button>
        <span className="muted" role="status">
          {holes.length > 0
            ? `${plural(holes.length, "layer")} still to be chosen`
            : !several && !sized
              ? "the shape of the input is still open"
              : plural(list.layers.length, "layer")}
        </span>
        <a className={classes.file} href={`data:application/json,${encodeURIComponent(fileText(list))}`} download={ARCHITECTURE_FILE}>
          Download {ARCHITECTURE_FILE}
        </a>
      </div>
      {check && "error" in check && <Problem error={check.error} />}
    </>
  )
}
