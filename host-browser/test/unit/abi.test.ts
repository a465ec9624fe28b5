/**
 * The canonical ABI against another implementation of it: jco's bindings, made here from the same component, and ours
 * are asked the same and have to answer the same.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { transpile } from '@bytecodealliance/jco';
import { encode } from '../../src/cbor/encode.ts';
import type { Value } from '../../src/cbor/values.ts';
import { type Engine, loadCode, makeEngine } from '../../src/engine/engine.ts';
import { hostImport } from '../../src/engine/host.ts';
import { consoleImport, Session, storeImport } from '../../src/store/imports.ts';
import { emptyState } from '../../src/store/state.ts';

const component = process.env.CU_COMPONENT ?? new URL('../../../target/cu.wasm', import.meta.url);
const TIME = 1_767_225_600n;
const functions = {
  echo: (value: unknown) => value as Value,
  fail: () => {
    throw new Error('the host says no');
  },
};

interface Instance {
  readonly engine: Engine;
  readonly session: Session;
}

async function ofJco(): Promise<Instance> {
  const directory = await mkdtemp(join(tmpdir(), 'cu-jco-'));
  try {
    const { files } = await transpile(await readFile(component), {
      name: 'cu',
      instantiation: 'sync',
      bindgenEnableWasmExnref: true,
      wasiShim: false,
    });
    const modules = new Map<string, WebAssembly.Module>();
    for (const [name, content] of Object.entries(files)) {
      if (name.endsWith('.wasm'))
        modules.set(name, new WebAssembly.Module(content as Uint8Array<ArrayBuffer>));
    }
    const script = join(directory, 'cu.mjs');
    await writeFile(script, (files as Record<string, Uint8Array>)['cu.js']!);
    const { instantiate } = await import(pathToFileURL(script).href);
    const session = new Session(emptyState);
    const imports = {
      'cu:db/store': storeImport(session),
      'cu:db/console': consoleImport(session),
      'cu:db/host': hostImport(functions),
      'wasi:clocks/wall-clock': {
        now: () => ({ seconds: TIME, nanoseconds: 0 }),
        resolution: () => ({ seconds: 1n, nanoseconds: 0 }),
      },
      'wasi:clocks/monotonic-clock': { now: () => 0n, resolution: () => 1n },
      'wasi:random/insecure-seed': { insecureSeed: () => [1n, 2n] },
      'wasi:random/random': { getRandomBytes: (length: bigint) => new Uint8Array(Number(length)) },
    };
    return { engine: instantiate((name: string) => modules.get(name), imports), session };
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function ofOurs(): Promise<Instance> {
  const session = new Session(emptyState);
  return { engine: makeEngine(await loadCode(), session, functions), session };
}

const options = { seed: 1n, time: TIME, keepGlobals: false };
const none = encode([]);
const text = (val: string) => ({ tag: 'text' as const, val });

/** Every export, with each kind of argument and of result. */
const CALLS: readonly ((engine: Engine) => unknown)[] = [
  ({ tables }) => tables.list(),
  ({ documents }) => documents.get('nowhere', text('k')),
  ({ documents }) => documents.put('t', text('ä€😀'), encode({ a: 1 })),
  ({ documents }) => documents.put('t', { tag: 'integer', val: -(2n ** 63n) }, encode([1.5, 'x'])),
  ({ documents }) => documents.put('t', { tag: 'bytes', val: Uint8Array.of(0, 255) }, encode(7)),
  ({ documents }) => documents.put('t', text(''), encode(7)),
  ({ documents }) => documents.put('t', text('x'), Uint8Array.of(0x9f)),
  ({ documents }) => documents.get('t', text('ä€😀')),
  ({ documents }) => documents.get('t', text('absent')),
  ({ documents }) => documents.getMany('t', encode([1, 'ä€😀'])),
  ({ documents }) => documents.scan('t', { backward: false, limit: 2 }),
  ({ documents }) => documents.scan('t', { start: text('a'), backward: true, limit: 1 }),
  ({ documents }) => documents.scan('t', { end: { tag: 'integer', val: 5n }, backward: false, limit: 9 }),
  ({ documents }) => documents.scan('t', { backward: false, limit: 0 }),
  ({ documents }) =>
    documents.apply(encode([{ op: 'put', table: 'u', key: 1, value: { n: 1 } }] as unknown as Value)),
  ({ documents }) => documents.delete('t', { tag: 'bytes', val: Uint8Array.of(0, 255) }),
  ({ tables }) => tables.list(),
  ({ indexes }) => indexes.create('u', encode({ fields: ['n'] })),
  ({ indexes }) => indexes.list('u'),
  ({ indexes }) => indexes.statistics('u', 'n'),
  ({ indexes }) => indexes.buildStep('u', 'nothing'),
  ({ indexes }) => indexes.drop('u', 'nothing'),
  ({ queries }) => queries.run(encode({ table: 'u', where: { field: 'n', op: '=', value: 1 } })),
  ({ queries }) => queries.run(encode({ table: 'u', wher: 1 })),
  ({ queries }) => queries.page(encode({ table: 't', limit: 1 })),
  ({ queries }) => queries.page(encode({ table: 't' })),
  ({ queries }) => queries.count(encode({ table: 't' })),
  ({ queries }) => queries.explain(encode({ table: 'u' })),
  ({ lua }) => lua.eval('return 1, ..., os.time()', encode(['a']), options),
  ({ lua }) => lua.eval('print("words")', none, options),
  ({ lua }) => lua.eval('return host.echo({1, "x"})', none, options),
  ({ lua }) => lua.eval('host.fail()', none, { ...options, chunkName: 'named' }),
  ({ lua }) => lua.eval('while true do end', none, { ...options, instructions: 1000n }),
  ({ lua }) => lua.eval('return (', none, options),
  ({ lua }) => lua.eval('_home.t.new = string.rep("x", 100000)', none, options),
  ({ functions }) =>
    functions.persist('f', 'n', 'local n = 0 return function() n = n + 1 return n end', options),
  ({ functions }) => functions.persistBytecode('f', 'b', Uint8Array.of(1, 2, 3), options),
  ({ functions }) => functions.call('f', 'n', none, options),
  ({ functions }) => functions.call('f', 'missing', none, options),
  ({ functions }) => functions.list('f'),
  ({ functions }) => functions.list(undefined),
  ({ functions }) => functions.statistics().map(({ nanoseconds: _, ...rest }) => rest),
  ({ functions }) => functions.source('f', 'n'),
  ({ functions }) => functions.source('f', 'missing'),
  ({ functions }) => functions.rename('f', 'n', 'g', 'm'),
  ({ functions }) => functions.delete('g', 'm'),
  ({ changes }) => changes.configure(undefined),
  ({ changes }) => changes.configure(encode({ tables: ['t'] })),
  ({ changes }) => changes.configure(undefined),
  ({ changes }) => changes.read(encode({})),
  ({ admin }) => admin.limits(),
  ({ admin }) => admin.setLimits({ memory: 1_000_000n, cacheSize: 0n }),
  ({ admin }) => admin.setLimits({ memory: 1n }),
  ({ admin }) => admin.limits(),
  ({ admin }) => admin.stats(),
  ({ admin }) => admin.digest(),
  ({ archive }) => archive.exportPage(undefined),
  ({ archive }) => archive.exportPage(Uint8Array.of(0)),
  ({ archive }) => archive.importPage(Uint8Array.of(0)),
  ({ archive }) => archive.finishImport(new Uint8Array(32)),
  ({ archive }) => archive.abortImport(),
  ({ tables }) => tables.drop('t'),
];

function outcome({ engine, session }: Instance, call: (engine: Engine) => unknown): unknown {
  session.writable = true;
  session.printed = [];
  let result: unknown;
  try {
    result = { result: call(engine) };
  } catch (thrown) {
    result = { payload: (thrown as { payload?: unknown }).payload ?? `trap: ${thrown}` };
  }
  return { result, printed: session.printed, version: session.state.version };
}

test('our_bindings_answer_as_those_of_jco_do', async () => {
  const [theirs, ours] = await Promise.all([ofJco(), ofOurs()]);
  const failures = new Set<string>();
  for (const call of CALLS) {
    const [expected, actual] = [outcome(theirs, call), outcome(ours, call)] as { result: object }[];
    assert.deepEqual(actual, expected, String(call));
    failures.add(Object.keys(actual!.result)[0]!);
  }
  assert.deepEqual([...failures].sort(), ['payload', 'result']);
});

test('every_export_is_among_the_calls', async () => {
  const { engine } = await ofOurs();
  const source = CALLS.map(String).join('\n');
  for (const [face, calls] of Object.entries(engine)) {
    for (const name of Object.keys(calls)) assert.ok(source.includes(`${face}.${name}(`), `${face}.${name}`);
  }
});
