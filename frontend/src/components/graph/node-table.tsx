import { Button } from "@mantine/core"
import { useState } from "react"
import classes from "./graph.module.css"
import { Bytes, Count } from "@/components/quantity"
import { plural } from "@/lib/format"
import { type GraphModel, KIND_TITLES, tensorText } from "@/lib/picture"

const PAGE = 300

interface Props {
  graph: GraphModel
  /** Which of the drawn nodes; null: all. */
  rows: readonly number[] | null
  selected: number | null
  onSelect: (node: number) => void
}

/** The drawing's twin: the same nodes in the order in which they run. */
export function NodeTable({ graph, rows, selected, onSelect }: Props) {
  const [most, setMost] = useState(PAGE)
  const all = rows ?? graph.drawn.map((_, index) => index)
  const kinds = graph.picture.nodes.some(({ kind }) => kind)
  const shown = all.slice(0, most)
  return (
    // A region that scrolls must be reachable by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={classes.table} role="region" aria-label="Nodes" tabIndex={0}>
      <table className="table">
        <caption className="visually-hidden">Nodes in the order in which they run</caption>
        <thead>
          <tr>
            <th scope="col">Node</th>
            <th scope="col">Operator</th>
            <th scope="col">Result</th>
            <th scope="col" className="right">
              MACs
            </th>
            <th scope="col" className="right wide-only">
              Constants
            </th>
            {kinds && <th scope="col">Kernel</th>}
          </tr>
        </thead>
        <tbody>
          {shown.map((index) => {
            const item = graph.drawn[index]!
            const node = item.role === "node" ? item.node : null
            const results = node ? node.outputs : [(item as { tensor: number }).tensor]
            return (
              <tr key={index} aria-selected={index === selected || undefined} className={classes.row} data-problem={node?.problem ? true : undefined}>
                <th scope="row">
                  <button type="button" className={classes.link} onClick={() => onSelect(index)}>
                    {item.title}
                  </button>
                </th>
                <td>
                  {item.label}
                  {node?.problem && <span className={classes.bad}> not supported</span>}
                </td>
                <td className="number">{results.map((tensor) => tensorText(graph.picture.tensors[tensor]!)).join("; ")}</td>
                <td className="right">{node?.macs ? <Count value={node.macs} /> : ""}</td>
                <td className="right wide-only">{node?.weights ? <Bytes value={node.weights} /> : ""}</td>
                {kinds && <td>{node?.kind ? `${KIND_TITLES[node.kind].title} ${node.kernel}` : ""}</td>}
              </tr>
            )
          })}
        </tbody>
      </table>
      {all.length > shown.length && (
        <p className={classes.more}>
          <span className="muted">
            {shown.length.toLocaleString("en")} of {plural(all.length, "node")}
          </span>{" "}
          <Button variant="default" size="compact-sm" onClick={() => setMost(most + PAGE)}>
            Show more
          </Button>
        </p>
      )}
    </div>
  )
}
