/** Builds `dist/`: scripts for browsers, one for Node, the core module, and the types. */
import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, rename, rm } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { generate } from './generate.mjs';
import { DOWNLOAD_LIMIT, download } from './size.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
// What is there stays in use until all of the new is.
const stage = join(root, 'dist.new');

await generate();
await rm(stage, { recursive: true, force: true });
await mkdir(stage);

const common = {
  absWorkingDir: root,
  bundle: true,
  sourcemap: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
};
// The compatible interfaces, which share their code with each other and are loaded by nobody who does not name them.
const compatible = {
  ...common,
  entryPoints: {
    enhanced: 'src/enhanced/index.ts',
    'cu-api': 'src/cu-api/index.ts',
    'io-wrapper': 'src/cu-api/io-wrapper.ts',
    migrate: 'src/migrate/index.ts',
  },
  splitting: true,
  outdir: stage,
};
const tscArguments = ['-p', 'tsconfig.types.json', '--outDir', join(stage, 'types')];
await Promise.all([
  build({
    ...common,
    platform: 'browser',
    // The page loads the engine only if it runs there; the worker has it at once.
    entryPoints: {
      index: 'src/index.ts',
      serve: 'src/serve.ts',
      worker: 'src/worker.ts',
      react: 'src/bindings/react.ts',
      vue: 'src/bindings/vue.ts',
      svelte: 'src/bindings/svelte.ts',
    },
    external: ['react', 'vue', 'svelte'],
    splitting: true,
    outdir: stage,
  }),
  build({ ...common, platform: 'node', entryPoints: ['src/index.ts'], outfile: join(stage, 'node.js') }),
  build({ ...compatible, platform: 'browser', chunkNames: 'compatible-[hash]' }),
  build({ ...compatible, platform: 'node', entryNames: '[name].node', chunkNames: 'compatible-[hash].node' }),
  copyFile(join(root, 'src/engine/cu.core.wasm'), join(stage, 'cu.core.wasm')),
  promisify(execFile)(join(root, 'node_modules/.bin/tsc'), tscArguments, { cwd: root }).catch(
    ({ stdout }) => {
      throw new Error(stdout);
    },
  ),
]);
await cp(join(root, 'src/generated'), join(stage, 'types/generated'), {
  recursive: true,
  filter: (path) => path.endsWith('.d.ts') || (extname(path) === '' && !path.endsWith('stamp')),
});
await rm(dist, { recursive: true, force: true });
await rename(stage, dist);

const files = await download(dist);
const total = files.reduce((sum, { brotli }) => sum + brotli, 0);
for (const { file, raw, brotli } of files) {
  console.log(`${file.padEnd(18)} ${kilobytes(raw)} raw ${kilobytes(brotli)} brotli`);
}
console.log(`${'download'.padEnd(18)} ${' '.repeat(15)}${kilobytes(total)} brotli`);
if (total > DOWNLOAD_LIMIT) {
  throw new Error(`a page downloads ${total} bytes, more than the ${DOWNLOAD_LIMIT} of scripts/size.mjs`);
}

function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(1).padStart(7)} KB`;
}
