/** The steps in a page, over the browser package on IndexedDB. */
import { type Database, decode, encode, open, type Query } from '/host-browser/dist/index.js';
import type { Step } from './report.ts';

interface Titled {
  readonly title: string;
  readonly query: Query;
}

/** What `steps.json` holds. */
interface Steps {
  readonly table: string;
  readonly indexes: readonly string[];
  readonly queries: readonly Titled[];
  readonly count: Titled;
  readonly function: { readonly table: string; readonly name: string; readonly arguments: number[] };
}

/** How many documents go into one batch. */
const BATCH = 10_000;

async function run(phase: 'first' | 'again', data: string, progress: (line: string) => void): Promise<Step[]> {
  const steps = (await (await fetch('./steps.json')).json()) as Steps;
  const taken: Step[] = [];
  const step = async (title: string, work: () => Promise<[shown: string, bytes: Uint8Array | null]>) => {
    const started = performance.now();
    const [shown, bytes] = await work();
    const milliseconds = performance.now() - started;
    taken.push({ title, milliseconds, shown, sha256: bytes && (await sha256(bytes)) });
  };
  const db = await open('demo');
  const call = async (): Promise<[string, Uint8Array]> => {
    const { table, name, arguments: values } = steps.function;
    const bytes = await db.raw.functions.call(table, name, encode(values), { keepGlobals: false });
    const [nearest, asked] = decode(bytes) as [readonly { readonly name: string }[], number];
    return [`${nearest.map((place) => place.name).join(', ')}; call ${asked}`, bytes];
  };
  if (phase === 'first') {
    await step('import all places', async () => [await importAll(db, steps.table, data, progress), null]);
    for (const field of steps.indexes) {
      await step(`index on ${field}`, async () => {
        const index = await db.createIndex(steps.table, { fields: [field] });
        return [`${index.entries} entries`, encode(index.entries)];
      });
    }
    for (const { title, query } of steps.queries) {
      await step(title, async () => {
        const bytes = await db.raw.queries.run(encode(query as never));
        return [`${(decode(bytes) as readonly unknown[]).length} places`, bytes];
      });
    }
    await step(steps.count.title, async () => {
      const count = await db.count(steps.count.query);
      return [`${count} places`, encode(count)];
    });
    const source = await (await fetch('./nearest.lua')).text();
    await step('persist the function geo.nearest', async () => {
      await db.persistFunction(steps.function.table, steps.function.name, source);
      return ['', null];
    });
    await step('call it', call);
  } else {
    await step('call it again, after a restart', call);
    await step('how many places are there', async () => {
      const count = await db.count({ table: steps.table });
      return [`${count} places`, encode(count)];
    });
    await step('digest of the whole database', async () => ['', await db.raw.admin.digest()]);
  }
  await db.close();
  return taken;
}

async function importAll(db: Database, table: string, data: string, progress: (line: string) => void): Promise<string> {
  const lines = (await (await fetch(data)).text()).trimEnd().split('\n');
  const started = performance.now();
  for (let from = 0; from < lines.length; from += BATCH) {
    const documents = lines.slice(from, from + BATCH).map((line) => JSON.parse(line) as { id: number });
    await db.apply(documents.map((value) => ({ op: 'put', table, key: value.id, value })));
    const done = from + documents.length;
    const rate = Math.round((done / (performance.now() - started)) * 1000);
    progress(`${done} of ${lines.length} documents, ${rate} a second`);
  }
  return `${lines.length} documents`;
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
  return [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

Object.assign(globalThis, { run });
document.documentElement.dataset['ready'] = 'true';
