import classes from "./quantization.module.css"
import { percent } from "@/lib/format"
import { mistakes } from "@/lib/quantization"

const DRAWN = 24

/** Samples by right class and answer; darker cells are more of a class's samples. */
export function Confusion({ matrix, title }: { matrix: readonly (readonly number[])[]; title: string }) {
  if (matrix.length > DRAWN) return <Mistakes matrix={matrix} title={title} />
  return (
    // A region that scrolls must be reachable by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="scroll-x" role="region" aria-label={title} tabIndex={0}>
      <table className={classes.confusion}>
        <caption>{title}</caption>
        <thead>
          <tr>
            <th scope="col">
              <span className="visually-hidden">Right class</span>
            </th>
            {matrix.map((_, answer) => (
              <th key={answer} scope="col">
                {answer}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {matrix.map((row, right) => {
            const samples = row.reduce((sum, count) => sum + count, 0)
            return (
              <tr key={right}>
                <th scope="row">{right}</th>
                {row.map((count, answer) => (
                  <td
                    key={answer}
                    data-right={right === answer || undefined}
                    data-none={count === 0 || undefined}
                    style={{ "--share": samples > 0 ? count / samples : 0 }}
                    title={`class ${right} answered as ${answer}: ${count} of ${samples}, ${percent(samples > 0 ? count / samples : 0)}`}
                  >
                    {count === 0 ? "·" : count}
                  </td>
                ))}
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

/** Of many classes, what is confused most. */
function Mistakes({ matrix, title }: { matrix: readonly (readonly number[])[]; title: string }) {
  const found = mistakes(matrix, 10)
  return (
    <div>
      <p className={classes.captionText}>{title}: of {matrix.length} classes, the most frequent mistakes</p>
      {found.length === 0 ? (
        <p className="muted">none</p>
      ) : (
        <ul className={classes.list}>
          {found.map(({ right, answer, count }) => (
            <li key={`${right} ${answer}`}>
              class {right} answered as {answer}: {count}
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}
