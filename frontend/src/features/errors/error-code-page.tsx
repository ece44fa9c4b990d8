import { getRouteApi, Link } from "@tanstack/react-router"
import { Command } from "@/components/command"
import { usePageTitle } from "@/components/page-title"

const route = getRouteApi("/errors/$code")

export function ErrorCodePage() {
  const { code } = route.useParams()
  usePageTitle(code)
  return (
    <>
      <h1>{code}</h1>
      <Command what="Command line" label="Copy" text={`deepmetal explain ${code}`} />
      <Link to="/jobs">History</Link>
    </>
  )
}
