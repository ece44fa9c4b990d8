import { useMemo, useState } from "react"
import classes from "./sections.module.css"
import type { Report } from "@/api/types"
import { Bytes } from "@/components/quantity"
import { bytes, integer, percent } from "@/lib/format"
import { type RegionMap, regionMaps, type Slice } from "@/lib/sections"

const KINDS: Record<Slice["kind"], string> = {
  code: "the model's code",
  weights: "weights",
  other: "start-up and libraries",
  arena: "arena",
  static: "static data",
  stack: "stack, measured",
}
const TITLES = { flash: "Flash", ram: "RAM" }
const COLOURS = 8

/** What lies where in the linked program, drawn to scale, and the same as a table. */
export function SectionMap({ report }: { report: Report }) {
  const maps = useMemo(() => regionMaps(report), [report])
  const layers = useMemo(() => new Map(report.layers.map(({ name }, index) => [name, index % COLOURS])), [report.layers])
  const [active, setActive] = useState<Slice | null>(null)
  if (maps.length === 0) {
    return (
      <section className="panel panel-body">
        <p className="muted">No program was linked for this target, so there is no map of flash and RAM.</p>
      </section>
    )
  }
  return (
    <section className="panel" aria-labelledby="sections">
      <div className="panel-head">
        <h2 id="sections">Flash and RAM, to scale</h2>
        <ul className={classes.legend} aria-label="Colours of the sections">
          {[...new Set(maps.flatMap(({ sections }) => sections.map(({ kind }) => kind)))].map((kind) => (
            <li key={kind}>
              <span className={classes.swatch} data-kind={kind} aria-hidden="true" /> {KINDS[kind]}
            </li>
          ))}
        </ul>
      </div>
      <div className={classes.maps} onPointerLeave={() => setActive(null)}>
        {maps.map((map) => (
          <Bars key={map.region} map={map} layers={layers} active={active} onActive={setActive} />
        ))}
      </div>
      <p className={classes.note}>
        {active ? <SliceNote slice={active} /> : <span className="muted">The upper bar shows sections, the lower one symbols, coloured by layer. Point at one to see what it is.</span>}
      </p>
      <MapTable maps={maps} active={active} onActive={setActive} />
    </section>
  )
}

interface BarsProps {
  map: RegionMap
  layers: ReadonlyMap<string, number>
  active: Slice | null
  onActive: (slice: Slice | null) => void
}

function Bars({ map, layers, active, onActive }: BarsProps) {
  const bar = (slices: readonly Slice[], byLayer: boolean) => (
    <div className={classes.bar}>
      {slices.map((slice) => (
        <span
          key={slice.key}
          className={classes.slice}
          data-kind={byLayer ? undefined : slice.kind}
          data-tint={byLayer ? layers.get(slice.layer) : undefined}
          data-active={slice.key === active?.key || undefined}
          style={{ width: `${slice.share * 100}%` }}
          onPointerEnter={() => onActive(slice)}
        >
          {slice.share > 0.12 && <span className={classes.label}>{byLayer && slice.layer ? `layer ${slice.layer}` : slice.name}</span>}
        </span>
      ))}
    </div>
  )
  return (
    <div className={classes.region}>
      <p className={classes.regionName}>
        {TITLES[map.region]} <span className="muted">{bytes(map.total)}</span>
      </p>
      {/* The table below says the same in words. */}
      <div aria-hidden="true">
        {bar(map.sections, false)}
        {bar(map.symbols, true)}
      </div>
    </div>
  )
}

function SliceNote({ slice }: { slice: Slice }) {
  return (
    <>
      <strong className="mono">{slice.name}</strong>, {integer(slice.size)} bytes, {percent(slice.share)}: {KINDS[slice.kind]}
      {slice.layer && `, first used by layer ${slice.layer}`}
      {slice.address !== null && `, at 0x${slice.address.toString(16)}`}
    </>
  )
}

function MapTable({ maps, active, onActive }: { maps: readonly RegionMap[]; active: Slice | null; onActive: (slice: Slice | null) => void }) {
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a region that scrolls must be reachable
    <div className={`scroll-x ${classes.table}`} role="region" aria-label="Symbol table" tabIndex={0}>
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Symbol</th>
            <th scope="col" className="wide-only">
              Kind
            </th>
            <th scope="col">Layer</th>
            <th scope="col" className="right wide-only">
              Address
            </th>
            <th scope="col" className="right">
              Size
            </th>
            <th scope="col" className="right">
              Share
            </th>
          </tr>
        </thead>
        {maps.map(({ region, total, symbols }) => (
          <tbody key={region} onPointerLeave={() => onActive(null)}>
            <tr>
              <th scope="rowgroup" colSpan={6} className={classes.group}>
                {TITLES[region]}, {integer(total)} bytes
              </th>
            </tr>
            {[...symbols]
              .sort((a, b) => b.size - a.size)
              .map((slice) => (
                <tr key={slice.key} data-active={slice.key === active?.key || undefined} className={classes.row} onPointerEnter={() => onActive(slice)}>
                  <th scope="row" className="mono">
                    {slice.name}
                  </th>
                  <td className="wide-only">{KINDS[slice.kind]}</td>
                  <td>{slice.layer || <span className="muted">–</span>}</td>
                  <td className="right mono wide-only">{slice.address === null ? "–" : `0x${slice.address.toString(16)}`}</td>
                  <td className="right">
                    <Bytes value={slice.size} />
                  </td>
                  <td className="right">{percent(slice.share)}</td>
                </tr>
              ))}
          </tbody>
        ))}
      </table>
    </div>
  )
}
