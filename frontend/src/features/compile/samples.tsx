import { Button } from "@mantine/core"
import { useQuery } from "@tanstack/react-query"
import classes from "./new-compile.module.css"
import { catalogQuery } from "@/api/catalog"
import type { Sample } from "@/api/types"
import { asError, Problem } from "@/components/problem"
import { Bytes } from "@/components/quantity"
import { percent } from "@/lib/format"

/** Small trained models, so that nobody needs one of their own to begin. */
export function Samples({ onTry }: { onTry: (sample: Sample) => void }) {
  const catalog = useQuery(catalogQuery)
  if (catalog.isError) return <Problem error={asError(catalog.error)} />
  const samples = catalog.data?.samples ?? []
  if (samples.length === 0) return null
  return (
    <section aria-labelledby="samples">
      <h2 id="samples" className={classes.heading}>
        Or try a sample
      </h2>
      <ul className={classes.samples}>
        {samples.map((sample) => (
          <li key={sample.name} className={`panel ${classes.sample}`}>
            <h3>{sample.title}</h3>
            <p className="muted">{sample.description}</p>
            <dl className={classes.sampleFacts}>
              <div>
                <dt>accuracy</dt>
                <dd title={`on held-out samples of: ${sample.training_set}`}>{percent(sample.accuracy)}</dd>
              </div>
              <div>
                <dt>size</dt>
                <dd>
                  <Bytes value={sample.size} />
                </dd>
              </div>
              <div className={classes.sampleSet}>
                <dt>trained on</dt>
                <dd>{sample.training_set}</dd>
              </div>
            </dl>
            <Button variant="default" size="compact-sm" onClick={() => onTry(sample)} aria-label={`Try this sample: ${sample.title}`}>
              Try this sample
            </Button>
          </li>
        ))}
      </ul>
    </section>
  )
}
