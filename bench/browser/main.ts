/** Measures Cu in a real browser beside Dexie, RxDB, SQLite, IndexedDB alone and wasmoon, in one run; see `--help`. */
import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { arch, cpus, release, tmpdir, type } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import {
  type BrowserName,
  type LaunchedBrowser,
  launch,
  repositoryRoot,
  runModule,
  type Server,
  serve,
} from '../../host-browser/test/harness/index.ts';
import { SEED } from './documents.ts';
import { Report } from './report.ts';
import type cu from './subjects/cu.ts';
import type cold from './subjects/cu-cold.ts';
import type predicate from './subjects/cu-predicate.ts';
import type dexie from './subjects/dexie.ts';
import type indexeddb from './subjects/indexeddb.ts';
import type workloads from './subjects/lua.ts';
import type luaPredicate from './subjects/lua-predicate.ts';
import type rxdb from './subjects/rxdb.ts';
import type sqlite from './subjects/sqlite.ts';

/** What runs in a page, by the name of its file. */
interface Subjects {
  readonly cu: typeof cu;
  readonly 'cu-cold': typeof cold;
  readonly 'cu-predicate': typeof predicate;
  readonly dexie: typeof dexie;
  readonly indexeddb: typeof indexeddb;
  readonly lua: typeof workloads;
  readonly 'lua-predicate': typeof luaPredicate;
  readonly rxdb: typeof rxdb;
  readonly sqlite: typeof sqlite;
}

const HELP = `Measures Cu in a real browser beside Dexie, RxDB (on Dexie), SQLite (WebAssembly, OPFS),
IndexedDB alone and wasmoon.

Usage: scripts/bench browser [OPTIONS]

Options:
      --json               Print an object a line
      --browser <NAME>     chromium (the default), firefox or webkit
      --documents <COUNT>  How many documents the databases hold [default: 100000]
      --only <NAME>        databases or lua
  -h, --help               Print help
`;

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    browser: { type: 'string', default: 'chromium' },
    documents: { type: 'string', default: '100000' },
    only: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (options.help) {
  console.log(HELP);
  process.exit(0);
}
const documents = Number(options.documents);
if (!Number.isSafeInteger(documents) || documents < 10_000 || documents % 10 !== 0) {
  throw new Error('--documents is a multiple of ten, and at least 10000');
}

const out = join(repositoryRoot, 'target/bench-browser');
const here = join(repositoryRoot, 'bench/browser');
await build({
  entryPoints: (await readdir(join(here, 'subjects'))).map((name) => join(here, 'subjects', name)),
  outdir: out,
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  // What wasmoon asks for in Node.
  external: ['module', 'url'],
  plugins: [
    {
      // The package as it is published, whose files find each other.
      name: 'served',
      setup: (build) =>
        build.onResolve({ filter: /^cu-db$/ }, () => ({
          path: '/host-browser/dist/index.js',
          external: true,
        })),
    },
  ],
  logLevel: 'warning',
});

// It looks for this beside itself.
await copyFile(
  join(here, 'node_modules/@sqlite.org/sqlite-wasm/dist/sqlite3.wasm'),
  join(out, 'sqlite3.wasm'),
);

const server = await serve(repositoryRoot, {
  // The peers need more than Cu does.
  policy: "default-src 'self' 'unsafe-eval' 'wasm-unsafe-eval' data: blob:",
});
const report = new Report(options.json);

/** Runs a subject in a page of a browser. */
function run<Name extends keyof Subjects>(
  browser: LaunchedBrowser,
  subject: Name,
  ...input: Parameters<Subjects[Name]>
): ReturnType<Subjects[Name]> {
  const path = `/target/bench-browser/${subject}.js`;
  return runModule(browser, server as Server, path, input[0] ?? {}) as ReturnType<Subjects[Name]>;
}

/** Runs something in a new browser with an empty profile. */
async function fresh<T>(work: (browser: LaunchedBrowser) => Promise<T>): Promise<T> {
  const profile = await mkdtemp(join(tmpdir(), 'cu-bench-'));
  const browser = await launch(options.browser as BrowserName, { profile, asSafari: true });
  try {
    return await work(browser);
  } finally {
    await browser.close();
    await rm(profile, { recursive: true, force: true });
  }
}

function step(what: string): void {
  console.error(`==> ${what}`);
}

/** The times of what does not run in this browser: they are no figures. */
const NOT_RUN: Awaited<ReturnType<typeof sqlite>> = {
  batch: Number.NaN,
  query: Number.NaN,
  count: Number.NaN,
  filter: Number.NaN,
  put: Number.NaN,
  many: Number.NaN,
  inside: Number.NaN,
};

async function databases(): Promise<void> {
  const size = documents.toLocaleString('en');
  step('IndexedDB alone');
  const alone = await fresh((browser) => run(browser, 'indexeddb'));
  step(`Cu in a worker: ${size} documents`);
  const [ours, cold, predicate] = await fresh(async (browser) => [
    await run(browser, 'cu', { documents, worker: true }),
    await run(browser, 'cu-cold', { documents }),
    await run(browser, 'cu-predicate', { documents }),
  ]);
  step(`Cu in the page: ${size} documents`);
  const inside = await fresh((browser) => run(browser, 'cu', { documents, worker: false }));
  step(`Dexie: ${size} documents`);
  const dexie = await fresh((browser) => run(browser, 'dexie', { documents }));
  step(`RxDB: ${size} documents`);
  const rxdb = await fresh((browser) => run(browser, 'rxdb', { documents }));
  step(options.browser === 'webkit' ? 'SQLite does not run in WebKitGTK' : `SQLite: ${size} documents`);
  // WebKitGTK gives workers no access to the files that it keeps there.
  const sqlite =
    options.browser === 'webkit' ? NOT_RUN : await fresh((browser) => run(browser, 'sqlite', { documents }));
  step('wasmoon: the predicate');
  const wasmoon = await fresh((browser) => run(browser, 'lua-predicate', { documents }));

  const rate = (milliseconds: number) => documents / (milliseconds / 1000);
  const stored = {
    bench: 'write/batch',
    subject: `${size} documents`,
    value: rate(ours.batch),
    unit: 'documents/s',
  };
  report.add({ ...stored, peer: 'Dexie', peerValue: rate(dexie.batch), target: { atLeast: 25 } });
  report.add({ ...stored, peer: 'RxDB', peerValue: rate(rxdb.batch) });
  report.add({ ...stored, peer: 'SQLite', peerValue: rate(sqlite.batch), target: { atLeast: 4 } });
  const put = { bench: 'write/put', subject: 'one awaited, p50', value: ours.put * 1000, unit: 'us' };
  report.add({ ...put, peer: 'IndexedDB alone', peerValue: alone.put * 1000, target: { atMost: 1.2 } });
  report.add({ ...put, peer: 'Dexie', peerValue: dexie.put * 1000 });
  report.add({ ...put, peer: 'RxDB', peerValue: rxdb.put * 1000 });
  report.add({ ...put, peer: 'SQLite', peerValue: sqlite.put * 1000 });
  const many = {
    bench: 'write/put',
    subject: '300 at once',
    value: 300 / (ours.many / 1000),
    unit: 'puts/s',
  };
  report.add({ ...many, peer: 'Dexie', peerValue: 300 / (dexie.many / 1000), target: { atLeast: 15 } });
  report.add({ ...many, peer: 'RxDB', peerValue: 300 / (rxdb.many / 1000) });
  report.add({ ...many, peer: 'SQLite', peerValue: 300 / (sqlite.many / 1000) });
  const query = { bench: 'read/query', unit: 'us' };
  report.add({
    ...query,
    subject: "10 by index, in the engine's thread",
    value: inside.query * 1000,
    target: { atMost: 40 },
  });
  const across = { ...query, subject: '10 by index, from the page', value: ours.query * 1000 };
  report.add({ ...across, target: { atMost: 200 } });
  report.add({ ...across, peer: 'Dexie', peerValue: dexie.query * 1000 });
  report.add({ ...across, peer: 'RxDB', peerValue: rxdb.query * 1000 });
  report.add({ ...across, peer: 'SQLite', peerValue: sqlite.query * 1000 });
  report.add({ ...query, subject: '10 by index, SQLite in its worker', value: sqlite.inside * 1000 });
  const count = {
    bench: 'read/count',
    subject: 'a range of an index',
    value: inside.count * 1000,
    unit: 'us',
  };
  report.add({ ...count, target: { atMost: 100 } });
  report.add({ ...count, peer: 'Dexie', peerValue: dexie.count * 1000 });
  report.add({ ...count, peer: 'RxDB', peerValue: rxdb.count * 1000 });
  report.add({ ...count, peer: 'SQLite', peerValue: sqlite.count * 1000 });
  const filter = { bench: 'read/filter', subject: 'without an index', value: ours.filter, unit: 'ms' };
  report.add({ ...filter, target: { atMost: 60 } });
  report.add({ ...filter, peer: 'Dexie', peerValue: dexie.filter });
  report.add({ ...filter, peer: 'RxDB', peerValue: rxdb.filter });
  report.add({ ...filter, peer: 'SQLite', peerValue: sqlite.filter });
  report.add({
    bench: 'open/cold',
    subject: 'first answer in a new page',
    value: cold.cold,
    unit: 'ms',
    target: { atMost: 220 },
  });
  if (cold.longest !== undefined) {
    report.add({
      bench: 'open/cold',
      subject: "the main thread's longest task",
      value: cold.longest,
      unit: 'ms',
      target: { atMost: 50 },
    });
  }
  if (predicate.found !== wasmoon.found) throw new Error('the predicates do not agree');
  report.add({
    bench: 'lua/predicate',
    subject: 'a document',
    value: 1e6 / (predicate.predicate * 1000),
    unit: 'documents/s',
    peer: 'wasmoon',
    peerValue: 1e6 / (wasmoon.predicate * 1000),
    target: { atLeast: 5 },
  });
  report.add({
    bench: 'memory',
    subject: 'entries, indexes included, for a document',
    value: (ours.memory ?? Number.NaN) / documents,
    unit: 'bytes',
  });
}

async function lua(): Promise<void> {
  step('Lua beside wasmoon');
  const folder = join(repositoryRoot, 'bench/lua');
  const workloads: Record<string, string> = {};
  for (const file of (await readdir(folder)).sort()) {
    workloads[basename(file, '.lua')] = await readFile(join(folder, file), 'utf8');
  }
  const times = await fresh((browser) => run(browser, 'lua', { workloads }));
  for (const name of Object.keys(workloads)) {
    report.add({
      bench: 'lua',
      subject: name,
      value: times[name]!,
      unit: 'ms',
      peer: 'wasmoon',
      peerValue: times[`${name}/wasmoon`]!,
      target: { atMost: 1 },
    });
  }
}

try {
  const { dependencies } = JSON.parse(await readFile(join(here, 'package.json'), 'utf8'));
  const version = await fresh((browser) => browser.version());
  const peers = await Promise.all(
    Object.keys(dependencies)
      .filter((name) => !['esbuild', 'cli-table3', 'rxjs'].includes(name))
      .map(async (name) => {
        const path = join(here, 'node_modules', name, 'package.json');
        return `${name} ${JSON.parse(await readFile(path, 'utf8')).version}`;
      }),
  );
  const processor = `${cpus().length} of ${cpus()[0]?.model.trim()}`;
  console.error(
    [version, ...peers, `seed ${SEED}`, `${type()} ${release()} ${arch()}`, processor].join('; '),
  );
  if (options.only !== 'lua') await databases();
  if (options.only !== 'databases') await lua();
  report.finish();
} finally {
  await server.close();
}
