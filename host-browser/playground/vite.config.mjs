/** Builds the page from the built package beside it. What comes of it runs in any folder of any server. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const packaged = (script) => fileURLToPath(new URL(`../dist/${script}.js`, import.meta.url));

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  resolve: {
    alias: [
      { find: /^cu-db\/(serve|enhanced|cu-api|io-wrapper)$/, replacement: packaged('$1') },
      { find: /^cu-db$/, replacement: packaged('index') },
    ],
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: { format: 'es' },
  build: {
    target: 'es2023',
    emptyOutDir: true,
    sourcemap: true,
    chunkSizeWarningLimit: 1000,
    rolldownOptions: {
      input: ['index.html', 'announced.html'].map((page) => fileURLToPath(new URL(page, import.meta.url))),
      checks: { pluginTimings: false },
    },
  },
  preview: { host: '127.0.0.1' },
});
