import classes from "./preview.module.css"
import type { Inspection } from "@/api/types"
import { CheckIcon, CrossIcon, WarnIcon } from "@/components/icons"
import { Bytes, Count } from "@/components/quantity"
import { ErrorLink } from "@/components/error-link"
import { MarkedText } from "@/components/marked"
import { plural, shape } from "@/lib/format"

/** What is in the model, before anything is compiled. */
export function Preview({ inspection }: { inspection: Inspection }) {
  return (
    <div className={classes.preview}>
      <Verdict inspection={inspection} />
      {inspection.unsupported.length > 0 && <UnsupportedNodes inspection={inspection} />}
      <section className="panel" aria-labelledby="facts">
        <div className="panel-head">
          <h2 id="facts">Model</h2>
          <span className="muted mono" title={`sha256 ${inspection.sha256}`}>
            {inspection.sha256.slice(0, 12)}
          </span>
        </div>
        <dl className={classes.facts}>
          <Fact name="Format">{inspection.format}</Fact>
          <Fact name="File">
            <Bytes value={inspection.size} />
          </Fact>
          <Fact name="Parameters">
            <Count value={inspection.parameters} />
          </Fact>
          <Fact name="MACs">
            {inspection.macs == null ? <span className="muted">once the shape is known</span> : <Count value={inspection.macs} />}
          </Fact>
        </dl>
        <div className="scroll-x">
          <table className="table">
            <caption className="visually-hidden">Inputs and outputs</caption>
            <thead>
              <tr>
                <th scope="col">Tensor</th>
                <th scope="col">Name</th>
                <th scope="col">Type</th>
                <th scope="col">Shape</th>
              </tr>
            </thead>
            <tbody>
              {inspection.inputs.map((tensor) => (
                <TensorRow key={`in ${tensor.name}`} kind="input" {...tensor} />
              ))}
              {inspection.outputs.map((tensor) => (
                <TensorRow key={`out ${tensor.name}`} kind="output" {...tensor} />
              ))}
            </tbody>
          </table>
        </div>
      </section>
      <section className="panel" aria-labelledby="operators">
        <div className="panel-head">
          <h2 id="operators">Operators</h2>
          <span className="muted">{plural(inspection.operators.reduce((sum, op) => sum + op.count, 0), "node")}</span>
        </div>
        <ul className={classes.operators}>
          {inspection.operators.map((operator) => (
            <li key={operator.op} className={classes.operator} data-supported={operator.supported}>
              {operator.supported ? <CheckIcon size={14} /> : <CrossIcon size={14} />}
              <span>{operator.op}</span>
              <span className={classes.times}>×{operator.count}</span>
              {!operator.supported && <span className={classes.refused}>not supported</span>}
            </li>
          ))}
        </ul>
      </section>
    </div>
  )
}

function Verdict({ inspection }: { inspection: Inspection }) {
  if (inspection.unsupported.length > 0) {
    return (
      <p className={classes.verdict} data-verdict="bad" role="status">
        <CrossIcon size={18} />
        <span>
          <strong>Cannot be compiled yet:</strong> {plural(inspection.unsupported.length, "node")} of this model{" "}
          {inspection.unsupported.length === 1 ? "is" : "are"} not supported. Each is listed below with the way out.
        </span>
      </p>
    )
  }
  if (Object.keys(inspection.shape_needed).length > 0) {
    return (
      <p className={classes.verdict} data-verdict="warn" role="status">
        <WarnIcon size={18} />
        <span>
          <strong>One question:</strong> the file leaves the input shape open. A proposal is filled in; check it.
        </span>
      </p>
    )
  }
  return (
    <p className={classes.verdict} data-verdict="ok" role="status">
      <CheckIcon size={18} />
      <span>
        <strong>Ready to compile.</strong> Every operator of this model is supported.
      </span>
    </p>
  )
}

function UnsupportedNodes({ inspection }: { inspection: Inspection }) {
  return (
    <section className="panel" aria-labelledby="unsupported">
      <div className="panel-head">
        <h2 id="unsupported">Not supported</h2>
      </div>
      <ul className={classes.unsupported}>
        {inspection.unsupported.map((node) => (
          <li key={`${node.node} ${node.op} ${node.code} ${node.reason}`}>
            <p>
              <code className={classes.code}>{node.code}</code> <strong>{node.op}</strong> <code>{node.node}</code>
            </p>
            <p>
              <MarkedText text={node.reason} />
            </p>
            {node.help && (
              <p>
                <strong>What to do:</strong> <MarkedText text={node.help} />
              </p>
            )}
            <ErrorLink code={node.code} />
          </li>
        ))}
      </ul>
    </section>
  )
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

interface TensorRowProps {
  kind: "input" | "output"
  name: string
  dtype: string
  shape: (number | null)[]
}

function TensorRow({ kind, name, dtype, shape: dimensions }: TensorRowProps) {
  return (
    <tr>
      <td className="muted">{kind}</td>
      <th scope="row" className={`mono ${classes.tensor}`}>
        {name}
      </th>
      <td>{dtype}</td>
      <td className="number">{shape(dimensions)}</td>
    </tr>
  )
}
