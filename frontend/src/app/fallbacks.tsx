import { Button } from "@mantine/core"
import { type ErrorComponentProps, Link } from "@tanstack/react-router"
import { asError, Problem } from "@/components/problem"

export function NotFound() {
  return (
    <Problem
      heading
      error={{
        kind: "page",
        code: "",
        title: "There is no page at this address",
        where: window.location.pathname,
        facts: {},
        help: "Compilations are found in the history.",
      }}
    >
      <Link to="/jobs">History</Link>
      <Link to="/">New compile</Link>
    </Problem>
  )
}

export function RouteProblem({ error, reset }: ErrorComponentProps) {
  return (
    <Problem heading error={asError(error)}>
      <Button variant="default" size="compact-sm" onClick={reset}>
        Try again
      </Button>
      <Link to="/jobs">History</Link>
    </Problem>
  )
}
