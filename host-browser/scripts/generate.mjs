/**
 * Takes the component apart, with jco: writes `src/engine/cu.core.wasm`, its core module, and in `src/generated/` the
 * types of its interfaces and their signatures as data for `src/engine/abi`. Does nothing when the component has not
 * changed.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transpile } from '@bytecodealliance/jco';
import { contract } from './contract.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const component = process.env.CU_COMPONENT ?? join(root, '../target/cu.wasm');
const generated = join(root, 'src/generated');

/** What `src/engine/wasi.ts`, `src/engine/host.ts` and `src/store/imports.ts` implement. */
const PROVIDED = [
  'cu:db/types',
  'cu:db/store',
  'cu:db/console',
  'cu:db/host',
  'wasi:clocks/monotonic-clock',
  'wasi:clocks/wall-clock',
  'wasi:random/random',
  'wasi:random/insecure-seed',
];

/** Generates what is out of date; true if anything was. */
export async function generate() {
  const bytes = await readComponent();
  const signatures = await contract(join(root, '../wit'));
  const script = await readFile(fileURLToPath(import.meta.url));
  const jco = await readFile(join(root, 'node_modules/@bytecodealliance/jco/package.json'));
  const stamp = createHash('sha256')
    .update(bytes)
    .update(signatures)
    .update(script)
    .update(jco)
    .digest('hex');
  const stampFile = join(generated, 'stamp');
  const isThere = existsSync(join(root, 'src/engine/cu.core.wasm'));
  if (isThere && (await readFile(stampFile, 'utf8').catch(() => '')) === stamp) return false;

  const { files, imports } = await transpile(bytes, {
    name: 'cu',
    instantiation: 'sync',
    bindgenEnableWasmExnref: true,
    nodejsCompat: false,
    noNodejsCompat: true,
    wasiShim: false,
  });
  const unknown = imports.map((name) => name.replace(/@.*/, '')).filter((name) => !PROVIDED.includes(name));
  if (unknown.length > 0)
    throw new Error(`the component imports what this host does not provide: ${unknown}`);

  await rm(generated, { recursive: true, force: true });
  for (const [name, content] of Object.entries(files)) {
    if (name === 'cu.core.wasm') {
      await writeFile(join(root, 'src/engine', name), content);
    } else if (name.endsWith('.d.ts')) {
      const file = join(generated, name);
      await mkdir(dirname(file), { recursive: true });
      // Some declarations come without the word that declaration files need.
      await writeFile(
        file,
        Buffer.from(content)
          .toString()
          .replace(/^function /gm, 'declare function '),
      );
    }
  }
  await writeFile(join(generated, 'contract.ts'), signatures);
  await writeFile(stampFile, stamp);
  return true;
}

async function readComponent() {
  try {
    return await readFile(component);
  } catch {
    throw new Error(`there is no component at ${component}; run scripts/build-guest in the repository first`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log((await generate()) ? 'bindings generated' : 'bindings are up to date');
}
