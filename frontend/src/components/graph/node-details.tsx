import type { ReactNode } from "react"
import classes from "./graph.module.css"
import type { PictureNode } from "@/api/types"
import { Bytes, Count } from "@/components/quantity"
import { type GraphModel, KIND_TITLES, tensorFacts } from "@/lib/picture"

interface Props {
  graph: GraphModel
  selected: number | null
  onSelect: (node: number) => void
  /** Shows a node of the source on the other side; null where there is no other side. */
  onOther: ((name: string) => void) | null
  other: "before" | "after"
}

/** Attributes and tensors of the node that was chosen. */
export function NodeDetails({ graph, selected, onSelect, onOther, other }: Props) {
  const item = selected === null ? undefined : graph.drawn[selected]
  if (!item) {
    return (
      <section className={classes.details} aria-label="Node">
        <p className="muted">Choose a node to see its attributes and tensors.</p>
      </section>
    )
  }
  const node = item.role === "node" ? item.node : null
  const names = node ? (other === "before" ? node.sources : [node.name]) : []
  return (
    // A region that scrolls must be reachable by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <section className={classes.details} aria-label="Node" tabIndex={0}>
      <h3>{item.label}</h3>
      <p className={`mono ${classes.wrap}`}>{item.title}</p>
      {node?.problem && (
        <p className={classes.problem}>
          <strong>Cannot be compiled:</strong> {node.problem}
        </p>
      )}
      {node && <Facts node={node} />}
      {node && Object.keys(node.attributes).length > 0 && (
        <Part title="Attributes">
          <dl className={classes.facts}>
            {Object.entries(node.attributes).map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd className="mono">{value}</dd>
              </div>
            ))}
          </dl>
        </Part>
      )}
      <Tensors title="Reads" graph={graph} tensors={node ? node.inputs : item.role === "output" ? [item.tensor] : []} onSelect={onSelect} at={selected!} />
      <Tensors title="Writes" graph={graph} tensors={node ? node.outputs : item.role === "input" ? [item.tensor] : []} onSelect={onSelect} at={selected!} />
      {onOther && names.length > 0 && (
        <Part title={other === "before" ? "Made of" : "Becomes"}>
          <ul className={classes.links}>
            {names.map((name) => (
              <li key={name}>
                <button type="button" className={classes.link} onClick={() => onOther(name)}>
                  {other === "before" ? name : "its place after optimisation"}
                </button>
              </li>
            ))}
          </ul>
        </Part>
      )}
    </section>
  )
}

function Facts({ node }: { node: PictureNode }) {
  const kind = node.kind && KIND_TITLES[node.kind]
  if (!kind && !node.macs && !node.weights) return null
  return (
    <dl className={classes.facts}>
      {kind && (
        <div>
          <dt>kernel</dt>
          <dd title={kind.meaning}>
            {kind.title}
            {node.kernel && <span className="muted"> {node.kernel}</span>}
          </dd>
        </div>
      )}
      {!!node.macs && (
        <div>
          <dt>MACs</dt>
          <dd>
            <Count value={node.macs} />
          </dd>
        </div>
      )}
      {node.weights > 0 && (
        <div>
          <dt>constants</dt>
          <dd>
            <Bytes value={node.weights} />
          </dd>
        </div>
      )}
    </dl>
  )
}

interface TensorsProps {
  title: "Reads" | "Writes"
  graph: GraphModel
  tensors: readonly (number | null)[]
  onSelect: (node: number) => void
  at: number
}

function Tensors({ title, graph, tensors, onSelect, at }: TensorsProps) {
  const present = tensors.filter((tensor) => tensor !== null)
  if (present.length === 0) return null
  const others = (tensor: number) =>
    title === "Reads"
      ? graph.into[at]!.filter((link) => link.tensor === tensor).map(({ from }) => from)
      : graph.outOf[at]!.filter((link) => link.tensor === tensor).map(({ to }) => to)
  return (
    <Part title={title}>
      <ul className={classes.tensors}>
        {[...new Set(present)].map((tensor) => {
          const about = graph.picture.tensors[tensor]!
          return (
            <li key={tensor}>
              <span className={`mono ${classes.wrap}`}>{about.name}</span>
              <span className="muted">
                {about.constant && "constant · "}
                {tensorFacts(about)}
              </span>
              {others(tensor)
                .slice(0, 12)
                .map((node) => (
                  <button key={node} type="button" className={classes.link} onClick={() => onSelect(node)}>
                    {title === "Reads" ? "from" : "to"} {graph.drawn[node]!.label} {graph.drawn[node]!.title}
                  </button>
                ))}
            </li>
          )
        })}
      </ul>
    </Part>
  )
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <>
      <h4>{title}</h4>
      {children}
    </>
  )
}
