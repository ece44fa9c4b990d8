import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The browser tests live beside the other tests of the repository; their packages are the front end's. */
export default defineConfig({
  root: here("../tests/e2e"),
  resolve: {
    alias: {
      "playwright-core": here("node_modules/playwright-core/index.mjs"),
      fflate: here("node_modules/fflate/esm/index.mjs"),
    },
  },
  server: { fs: { allow: [here("..")] } },
  test: {
    environment: "node",
    include: ["**/*.test.ts"],
    globalSetup: [here("../tests/e2e/service.ts")],
    // one service with two slots, on a machine that may have two cores
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    teardownTimeout: 60_000,
  },
})
