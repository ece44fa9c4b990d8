import { localStorageColorSchemeManager, MantineProvider } from "@mantine/core"
import { QueryClient, QueryClientProvider } from "@tanstack/react-query"
import { RouterProvider } from "@tanstack/react-router"
import { router } from "./router"
import { cssVariables, theme } from "./theme"
import { ApiProblem } from "@/api/client"

// The same key as in public/color-scheme.js, which runs before the first paint.
const colorScheme = localStorageColorSchemeManager({ key: "deepmetal-color-scheme" })

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // An answer of the server is final; only silence and its own faults are worth another try.
      retry: (failures, reason) => failures < 2 && !(reason instanceof ApiProblem && reason.status >= 400 && reason.status < 500),
      retryDelay: (attempt) => 500 * 2 ** attempt,
      staleTime: 1000,
    },
  },
})

export function App() {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" colorSchemeManager={colorScheme} cssVariablesResolver={cssVariables}>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  )
}
