import { queryOptions, useQuery } from "@tanstack/react-query"
import { getRouteApi, Link } from "@tanstack/react-router"
import classes from "./error-code.module.css"
import { api, unwrap } from "@/api/client"
import { Command } from "@/components/command"
import { Marked } from "@/components/marked"
import { usePageTitle } from "@/components/page-title"
import { asError, Problem } from "@/components/problem"
import { paragraphs } from "@/lib/markdown"

const route = getRouteApi("/errors/$code")

const explanationQuery = (code: string) =>
  queryOptions({
    queryKey: ["explanation", code],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/errors/{code}", { params: { path: { code } }, signal })),
    staleTime: Infinity,
  })

/** What an error code means, what usually causes it, what to do. */
export function ErrorCodePage() {
  const { code } = route.useParams()
  const explanation = useQuery(explanationQuery(code))
  usePageTitle(code)
  if (explanation.isPending) return <p className="muted">Looking up {code}…</p>
  if (explanation.isError) {
    return (
      <Problem heading error={asError(explanation.error)}>
        <Link to="/jobs">History</Link>
      </Problem>
    )
  }
  return (
    <article className={classes.article}>
      <h1>
        <code className={classes.code}>{explanation.data.code}</code> {explanation.data.title}
      </h1>
      {paragraphs(explanation.data.text).map((spans, index) => (
        <p key={index}>
          <Marked spans={spans} />
        </p>
      ))}
      <Command what="The same in a terminal" label="Copy" text={`deepmetal explain ${explanation.data.code}`} />
    </article>
  )
}
