import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router"
import { NotFound, RouteProblem } from "./fallbacks"
import { Shell } from "./shell"
import { NewCompilePage } from "@/features/compile/new-compile-page"
import { groupSearch, historySearch, jobSearch, operatorSearch } from "@/lib/search"

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound })

const newCompile = createRoute({ getParentRoute: () => root, path: "/", component: NewCompilePage })

const history = createRoute({
  getParentRoute: () => root,
  path: "/jobs",
  validateSearch: historySearch,
  component: lazyRouteComponent(() => import("@/features/history/history-page"), "HistoryPage"),
})

const job = createRoute({
  getParentRoute: () => root,
  path: "/jobs/$id",
  validateSearch: jobSearch,
  component: lazyRouteComponent(() => import("./job-route"), "JobRoute"),
})

const group = createRoute({
  getParentRoute: () => root,
  path: "/groups/$id",
  validateSearch: groupSearch,
  component: lazyRouteComponent(() => import("@/features/group/group-page"), "GroupPage"),
})

const operators = createRoute({
  getParentRoute: () => root,
  path: "/operators",
  validateSearch: operatorSearch,
  component: lazyRouteComponent(() => import("@/features/operators/operators-page"), "OperatorsPage"),
})

const explain = createRoute({
  getParentRoute: () => root,
  path: "/errors/$code",
  component: lazyRouteComponent(() => import("@/features/errors/error-code-page"), "ErrorCodePage"),
})

export const router = createRouter({
  routeTree: root.addChildren([newCompile, history, job, group, operators, explain]),
  defaultErrorComponent: RouteProblem,
  defaultPendingComponent: () => <p className="muted">Loading…</p>,
  defaultPreload: "intent",
  scrollRestoration: true,
})

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router
  }
}
