import { useMemo, useState } from "react"
import { ArenaDrawing } from "./arena-drawing"
import classes from "./report.module.css"
import type { MemoryTensor, Report } from "@/api/types"
import { Bytes } from "@/components/quantity"
import { bytes, integer } from "@/lib/format"
import { anyOverlap } from "@/lib/memory"

/** The arena over time, drawn and as a table; pointing at one shows it in the other. */
export function MemoryMap({ report }: { report: Report }) {
  const { memory, layers } = report
  const [active, setActive] = useState<string | null>(null)
  const overlap = useMemo(() => anyOverlap(memory), [memory])
  const peak = layers.reduce((most, layer, index) => (layer.ram_live > (layers[most]?.ram_live ?? -1) ? index : most), -1)
  const shown = memory.tensors.find((tensor) => tensor.name === active)
  return (
    <div className={classes.memory}>
      <section className="panel" aria-labelledby="arena">
        <div className="panel-head">
          <h2 id="arena">Arena over time</h2>
          <p className="muted">
            <Bytes value={memory.arena_bytes} /> planned; no plan can need less than <Bytes value={memory.lower_bound_bytes} />
            {overhead(memory.arena_bytes, memory.lower_bound_bytes)}
          </p>
        </div>
        <ArenaDrawing report={report} peak={peak} active={active} onActive={setActive} />
        <p className={classes.mapNote}>
          {shown ? (
            <TensorNote tensor={shown} />
          ) : (
            <span className="muted">
              Layers run from left to right. {peak >= 0 && `The peak is at layer ${peak}, ${layers[peak]!.name}: ${bytes(layers[peak]!.ram_live)} alive.`}{" "}
              {overlap && "Where boxes overlap, a layer writes over input that it has already read. "}Point at a box, or at a row of the table, to see
              which tensor it is.
            </span>
          )}
        </p>
      </section>
      <section className="panel" aria-labelledby="tensors">
        <div className="panel-head">
          <h2 id="tensors">Tensors in the arena</h2>
        </div>
        {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a region that scrolls must be reachable */}
        <div className={`scroll-x ${classes.tensorTable}`} role="region" aria-label="Tensor table" tabIndex={0}>
          <table className="table">
            <thead>
              <tr>
                <th scope="col">Tensor</th>
                <th scope="col" className="right">
                  Offset
                </th>
                <th scope="col" className="right">
                  Size
                </th>
                <th scope="col">Alive</th>
                <th scope="col">Written by</th>
              </tr>
            </thead>
            <tbody onPointerLeave={() => setActive(null)}>
              {memory.tensors.map((tensor) => (
                <tr
                  key={`${tensor.name} ${tensor.offset} ${tensor.first_use}`}
                  data-active={tensor.name === active || undefined}
                  className={classes.tensorRow}
                  onPointerEnter={() => setActive(tensor.name)}
                >
                  <th scope="row" className="mono">
                    {tensor.name}
                  </th>
                  <td className="right">{integer(tensor.offset)}</td>
                  <td className="right">
                    <Bytes value={tensor.size} />
                  </td>
                  <td className="number">{lifetime(tensor)}</td>
                  <td className="mono">{tensor.layer || "the caller"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </section>
    </div>
  )
}

function TensorNote({ tensor }: { tensor: MemoryTensor }) {
  return (
    <>
      <strong className="mono">{tensor.name}</strong>, {integer(tensor.size)} bytes at {integer(tensor.offset)}, {lifetime(tensor)}
    </>
  )
}

function lifetime({ first_use, last_use }: MemoryTensor): string {
  const first = first_use < 0 ? "start" : `layer ${first_use}`
  return first_use === last_use ? first : `${first} to ${last_use < 0 ? "start" : last_use}`
}

function overhead(arena: number, bound: number): string {
  return arena === bound ? ", so this one is optimal" : ` (+${integer(arena - bound)} bytes)`
}
