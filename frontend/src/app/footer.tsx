import { useQuery } from "@tanstack/react-query"
import { catalogQuery } from "@/api/catalog"
import classes from "./shell.module.css"

export function Footer() {
  const { data } = useQuery(catalogQuery)
  return (
    <footer className={classes.footer}>
      <div>
        <span>DeepMetal {data?.version}</span>
        <a href="/api/openapi.json">OpenAPI</a>
      </div>
    </footer>
  )
}
