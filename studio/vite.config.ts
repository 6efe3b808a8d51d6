import { resolve } from "node:path";
import { defineConfig } from "vite";

/** The page as static files: addresses are relative, so that it works below any path of any host. */
export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  build: {
    outDir: resolve(import.meta.dirname, "../dist/studio"),
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0, // files, so that a strict content policy can name their origin
    chunkSizeWarningLimit: 2000,
  },
  worker: { format: "es" },
  resolve: {
    // ONNX Runtime's script that leaves its WebAssembly in a file of its own.
    conditions: ["onnxruntime-web-use-extern-wasm", "module", "browser", "import", "default"],
  },
});
