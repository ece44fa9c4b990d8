import classes from "./quantization.module.css"
import type { QuantizedTensor } from "@/api/types"
import { percent, small } from "@/lib/format"
import { covered, heights } from "@/lib/quantization"

const WIDTH = 132
const HEIGHT = 30

/** Which values were seen, and which of them the stored numbers cover; what lies outside is cut off. */
export function RangeDrawing({ tensor }: { tensor: QuantizedTensor }) {
  const { low, high, histogram, saturated } = tensor
  const [from, to] = covered(tensor)
  const span = high - low
  if (histogram.length === 0 || !(span > 0)) {
    return (
      <span className="number">
        {small(low)} … {small(high)}
      </span>
    )
  }
  const x = (value: number) => Math.min(1, Math.max(0, (value - low) / span)) * WIDTH
  const step = WIDTH / histogram.length
  const text = `Values from ${small(low)} to ${small(high)}; stored numbers cover ${small(from)} to ${small(to)}, ${percent(saturated)} of the values lie outside`
  return (
    <span className={classes.range}>
      <svg width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={text} className={classes.histogram}>
        <title>{text}</title>
        <rect x={x(from)} y={0} width={Math.max(0, x(to) - x(from))} height={HEIGHT} className={classes.covered} />
        {heights(histogram).map((height, index) => (
          <rect
            key={index}
            x={index * step}
            y={HEIGHT - height * HEIGHT}
            width={Math.max(0.5, step - 0.4)}
            height={height * HEIGHT}
            className={isOutside(low + ((index + 0.5) / histogram.length) * span, from, to) ? classes.cut : classes.kept}
          />
        ))}
      </svg>
      <span className={classes.ends} aria-hidden="true">
        <span>{small(low)}</span>
        <span>{small(high)}</span>
      </span>
    </span>
  )
}

function isOutside(value: number, from: number, to: number): boolean {
  return value < from || value > to
}
