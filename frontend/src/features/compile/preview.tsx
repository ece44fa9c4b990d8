import { useQuery } from "@tanstack/react-query"
import { KernelTag } from "./kernel-tag"
import classes from "./preview.module.css"
import { catalogQuery } from "@/api/catalog"
import type { Inspection, KernelUse } from "@/api/types"
import { CheckIcon, CrossIcon, WarnIcon } from "@/components/icons"
import { Bytes, Count } from "@/components/quantity"
import { ErrorLink } from "@/components/error-link"
import { MarkedText } from "@/components/marked"
import { holesOf, isWeightsAlone } from "@/lib/architecture"
import { plural, shape } from "@/lib/format"

/** What is in the model, before anything is compiled. */
export function Preview({ inspection }: { inspection: Inspection }) {
  const catalog = useQuery(catalogQuery)
  const format = catalog.data?.formats.find(({ kind }) => kind === inspection.format)
  return (
    <div className={classes.preview}>
      <section className="panel" aria-labelledby="facts">
        <div className="panel-head">
          <h2 id="facts">Model</h2>
          <span className="muted mono" title={`sha256 ${inspection.sha256}`}>
            {inspection.sha256.slice(0, 12)}
          </span>
        </div>
        <dl className={classes.facts}>
          <Fact name="Format">
            <span title={format && `recognised by its content: ${format.title}`}>{inspection.format}</span>
          </Fact>
          <Fact name="File">
            <Bytes value={inspection.size} />
          </Fact>
          <Fact name="Parameters">
            <Count value={inspection.parameters} />
          </Fact>
          <Fact name="MACs">
            {inspection.macs == null ? (
              <span className="muted">{Object.keys(inspection.shape_needed).length > 0 ? "once the shape is known" : "not known"}</span>
            ) : (
              <Count value={inspection.macs} />
            )}
          </Fact>
        </dl>
        {inspection.inputs.length + inspection.outputs.length > 0 && <Tensors inspection={inspection} />}
        {inspection.notes.length > 0 && (
          <ul className={classes.notes}>
            {inspection.notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        )}
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
              {runs(inspection, operator.op).map((use) => (
                <KernelTag key={`${use.kind} ${use.family}`} use={use} of={operator.count} />
              ))}
            </li>
          ))}
        </ul>
      </section>
    </div>
  )
}

/** How the nodes of an operator run on the first of the processors that were asked for. */
function runs({ support }: Inspection, op: string): KernelUse[] {
  return support[0]?.operators.filter((use) => use.op === op) ?? []
}

export function Verdict({ inspection }: { inspection: Inspection }) {
  const holes = inspection.architecture ? holesOf(inspection.architecture).length : 0
  if (isWeightsAlone(inspection)) {
    return (
      <p className={classes.verdict} data-verdict="warn" role="status">
        <WarnIcon size={18} />
        <span>
          <strong>This file holds weights alone.</strong> Its layers are listed below as far as the tensors tell
          {holes > 0 ? `; ${plural(holes, "place")} ${holes === 1 ? "is" : "are"} still to be filled.` : "; check them."}
        </span>
      </p>
    )
  }
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
  const open = Object.keys(inspection.shape_needed).length
  if (open > 0) {
    return (
      <p className={classes.verdict} data-verdict="warn" role="status">
        <WarnIcon size={18} />
        <span>
          <strong>{open === 1 ? "One question:" : `${open} questions:`}</strong> the file leaves more than the batch open: the shape of{" "}
          {open === 1 ? "one input" : `${open} inputs`}. A proposal is filled in; check it.
        </span>
      </p>
    )
  }
  if (!inspection.compilable) {
    return (
      <p className={classes.verdict} data-verdict="bad" role="status">
        <CrossIcon size={18} />
        <span>
          <strong>Cannot be compiled as it is.</strong> {inspection.no_estimate}
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

export function UnsupportedNodes({ inspection }: { inspection: Inspection }) {
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

function Tensors({ inspection }: { inspection: Inspection }) {
  return (
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
