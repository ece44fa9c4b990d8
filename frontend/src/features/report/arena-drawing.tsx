import { useElementSize } from "@mantine/hooks"
import { useMemo } from "react"
import classes from "./report.module.css"
import type { Report } from "@/api/types"
import { bytes } from "@/lib/format"
import { type Box, boxes, ticks } from "@/lib/memory"

const HEIGHT = 320
const LETTER = 6.4

interface Props {
  report: Report
  peak: number
  active: string | null
  onActive: (tensor: string | null) => void
}

/** One box per tensor, as wide as it lives and as tall as it is large. The table beside it says the same in words. */
export function ArenaDrawing({ report: { memory, layers }, peak, active, onActive }: Props) {
  const { ref, width } = useElementSize()
  const drawn = useMemo(() => boxes(memory, layers.length, Math.max(1, width), HEIGHT), [memory, layers.length, width])
  const column = width / (layers.length + 1)
  return (
    <div className={classes.map} aria-hidden="true">
      <div className={classes.yAxis}>
        <span>{bytes(memory.arena_bytes)}</span>
        <span>0</span>
      </div>
      <div ref={ref} className={classes.drawing}>
        {width > 0 && (
          <svg width={width} height={HEIGHT + 20} onPointerLeave={() => onActive(null)}>
            {peak >= 0 && <rect className={classes.peak} x={column * (peak + 1)} y={0} width={column} height={HEIGHT} />}
            {drawn.map((box) => (
              <rect
                key={keyOf(box)}
                className={classes.tensor}
                data-kind={box.tensor.first_use < 0 ? "input" : box.tensor.first_use === box.tensor.last_use ? "short" : "tensor"}
                data-active={box.tensor.name === active || undefined}
                x={box.x}
                y={box.y}
                width={Math.max(1, box.width)}
                height={Math.max(1, box.height)}
                onPointerEnter={() => onActive(box.tensor.name)}
              />
            ))}
            {drawn.map((box) => (
              <text
                key={keyOf(box)}
                className={classes.tensorName}
                data-active={box.tensor.name === active || undefined}
                x={box.x + box.width / 2}
                y={box.y + box.height / 2}
              >
                {label(box)}
              </text>
            ))}
            <path className={classes.axis} d={`M0.5 0V${HEIGHT}.5H${width}`} />
            {column > 20 && (
              <text className={classes.tick} x={column / 2} y={HEIGHT + 15}>
                in
              </text>
            )}
            {ticks(layers.length, Math.max(1, Math.floor(width / 40))).map((layer) => (
              <text key={layer} className={classes.tick} x={column * (layer + 1.5)} y={HEIGHT + 15}>
                {layer}
              </text>
            ))}
          </svg>
        )}
      </div>
    </div>
  )
}

function keyOf({ tensor }: Box): string {
  return `${tensor.name} ${tensor.offset} ${tensor.first_use}`
}

/** The tensor's name where it fits, cut where most of it does; nothing in a box too small to read. */
function label({ tensor, width, height }: Box): string {
  const letters = Math.floor((width - 8) / LETTER)
  if (height < 14) return ""
  if (tensor.name.length <= letters) return tensor.name
  return letters < 6 ? "" : `${tensor.name.slice(0, letters - 1)}…`
}
