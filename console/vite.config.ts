import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const api = process.env.TRACKPLANE_API ?? "http://127.0.0.1:8000";
const proxy = { "/api": { target: api, changeOrigin: true } };

export default defineConfig({
  plugins: [react()],
  server: { host: "127.0.0.1", proxy },
  preview: { host: "127.0.0.1", proxy },
  build: {
    chunkSizeWarningLimit: 700,
    // The first with light-dark(): a polyfilled one would ignore the chosen colour scheme.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
  },
  test: {
    environment: "jsdom",
    include: ["tests/**/*.test.{ts,tsx}"],
    setupFiles: ["tests/setup.ts"],
    reporters: ["default"],
  },
});
