/**
 * Turns the component into JavaScript bindings and core modules, with jco.
 *
 * Writes `src/generated/` (the bindings, their types, and the few small adapter modules as base64)
 * and `src/engine/cu.core.wasm`. Does nothing when the component has not changed.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transpile } from '@bytecodealliance/jco';
import { transform } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const component = process.env.CU_COMPONENT ?? join(root, '../target/cu.wasm');
const generated = join(root, 'src/generated');

/** Modules up to this many bytes are put into the script: a request costs more than they do. */
const INLINE_LIMIT = 8192;

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
  const script = await readFile(fileURLToPath(import.meta.url));
  const jco = await readFile(join(root, 'node_modules/@bytecodealliance/jco/package.json'));
  const stamp = createHash('sha256').update(bytes).update(script).update(jco).digest('hex');
  const stampFile = join(generated, 'stamp');
  if ((await readFile(stampFile, 'utf8').catch(() => '')) === stamp) return false;

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
  const adapters = {};
  for (const [name, content] of Object.entries(files)) {
    if (name === 'cu.core.wasm') {
      await writeFile(join(root, 'src/engine', name), content);
    } else if (name.endsWith('.wasm')) {
      if (content.length > INLINE_LIMIT) throw new Error(`${name} is too large to be put into the script`);
      adapters[name] = Buffer.from(content).toString('base64');
    } else {
      const file = join(generated, name);
      await mkdir(dirname(file), { recursive: true });
      const text = Buffer.from(content).toString();
      // Some declarations come without the word that declaration files need.
      const improved =
        name === 'cu.js' ? await withoutLog(text) : text.replace(/^function /gm, 'declare function ');
      await writeFile(file, improved);
    }
  }
  await writeFile(
    join(generated, 'adapters.ts'),
    `/** The component's small adapter modules, in base64. */\nexport const adapters: Readonly<Record<string, string>> = ${JSON.stringify(adapters, null, 2)};\n`,
  );
  await writeFile(stampFile, stamp);
  return true;
}

/**
 * The bindings without their debug log. It looks into the environment several times a call, which
 * under Node takes longer than the rest of the call.
 */
async function withoutLog(bindings) {
  const definition = /const _debugLog = \(\.\.\.args\) => \{.*?\n {2}\};\n/s;
  if (!definition.test(bindings)) throw new Error('the bindings no longer define _debugLog as they did');
  // Once it is no local function, esbuild can be told that calling it has no effect.
  const { code } = await transform(bindings.replace(definition, ''), {
    pure: ['_debugLog'],
    minifySyntax: true,
    legalComments: 'none',
  });
  if (code.includes('_debugLog')) throw new Error('the bindings use _debugLog in a new way');
  return code;
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
