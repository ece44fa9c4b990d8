import { Link } from "@tanstack/react-router"

export function ErrorLink({ code }: { code: string }) {
  return (
    <Link to="/errors/$code" params={{ code }}>
      What {code} means
    </Link>
  )
}
