import { defineConfig } from "vite";
import { licences } from "./tools/licences.mjs";

// The server's policy: scripts and styles from files only, none inline. `npm run dev` works beside a server on 8765.
export default defineConfig({
  plugins: [licences()],
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rollupOptions: { output: { hashCharacters: "hex" } },
  },
  server: { proxy: { "/v1": "http://127.0.0.1:8765" } },
});
