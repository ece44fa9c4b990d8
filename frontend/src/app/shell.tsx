import { Link, Outlet, useRouterState } from "@tanstack/react-router"
import { useEffect, useRef } from "react"
import { ColorSchemeToggle } from "./color-scheme-toggle"
import { Footer } from "./footer"
import classes from "./shell.module.css"

export function Shell() {
  const content = useFocusOnNavigation()
  return (
    <div className={classes.shell}>
      <a className={classes.skip} href="#content">
        Skip to content
      </a>
      <header className={classes.header}>
        <div className={classes.bar}>
          <Link to="/" className={classes.brand} aria-label="DeepMetal, new compile">
            <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
              <rect width="32" height="32" rx="7" className={classes.mark} />
              <path d="M8 9h5.5a7 7 0 0 1 0 14H8z" fill="none" stroke="#fff" strokeWidth="3" />
              <path d="M24 9v14" stroke="#9cc0ff" strokeWidth="3" />
            </svg>
            <span>DeepMetal</span>
          </Link>
          <nav className={classes.nav} aria-label="Main">
            <Link to="/" activeOptions={{ exact: true }} className={classes.link}>
              New compile
            </Link>
            <Link to="/jobs" className={classes.link}>
              History
            </Link>
            <Link to="/operators" className={classes.link}>
              Operators
            </Link>
          </nav>
          <ColorSchemeToggle />
        </div>
      </header>
      <main id="content" ref={content} className={classes.content} tabIndex={-1}>
        <Outlet />
      </main>
      <Footer />
    </div>
  )
}

/** The link that was followed may be gone with its page: reading goes on at the new content. */
function useFocusOnNavigation() {
  const content = useRef<HTMLElement>(null)
  const pathname = useRouterState({ select: (state) => state.resolvedLocation?.pathname })
  const shown = useRef<string>(undefined)
  useEffect(() => {
    if (shown.current !== undefined && shown.current !== pathname) content.current?.focus({ preventScroll: true })
    shown.current = pathname
  }, [pathname])
  return content
}
