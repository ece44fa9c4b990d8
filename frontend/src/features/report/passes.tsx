import type { Report } from "@/api/types"
import { Bytes, Count } from "@/components/quantity"

/** What was done to the graph, and what it saved. */
export function Passes({ report }: { report: Report }) {
  if (report.passes.length === 0) {
    return (
      <section className="panel panel-body">
        <p>No pass found anything to change in this model.</p>
      </section>
    )
  }
  return (
    <div className="panel">
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a region that scrolls must be reachable */}
      <div className="scroll-x" role="region" aria-label="Passes" tabIndex={0}>
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Pass</th>
              <th scope="col">Effect</th>
              <th scope="col" className="right">
                MACs saved
              </th>
              <th scope="col" className="right">
                Flash saved
              </th>
              <th scope="col" className="right">
                RAM saved
              </th>
            </tr>
          </thead>
          <tbody>
            {report.passes.map((pass, index) => (
              <tr key={`${index} ${pass.name}`}>
                <th scope="row" className="mono">
                  {pass.name}
                </th>
                <td>{pass.effect}</td>
                <td className="right">{pass.macs_saved === 0 ? <Nothing /> : <Count value={pass.macs_saved} />}</td>
                <td className="right">{pass.flash_saved === 0 ? <Nothing /> : <Bytes value={pass.flash_saved} />}</td>
                <td className="right">{pass.ram_saved === 0 ? <Nothing /> : <Bytes value={pass.ram_saved} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  )
}

function Nothing() {
  return <span className="muted">–</span>
}
