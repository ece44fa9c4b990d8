import { fileURLToPath } from "node:url"
import react from "@vitejs/plugin-react"
import { defineConfig } from "vitest/config"

const server = process.env.DEEPMETAL_SERVER ?? "http://127.0.0.1:8000"

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": fileURLToPath(new URL("src", import.meta.url)) } },
  server: { host: "127.0.0.1", proxy: { "/api": server } },
  preview: { host: "127.0.0.1", proxy: { "/api": server } },
  build: {
    target: "es2022",
    // The content security policy allows no data: scripts, and small files are better cached than inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/test-setup.ts"],
    restoreMocks: true,
    css: false,
    testTimeout: 30_000, // a busy machine is no failure
  },
})
