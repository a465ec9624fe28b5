/** The one database of the page: its life, its calls, and what is known of it. */
import { signal } from '@preact/signals';
import { CuError, Database, open, type TableInfo } from 'cu-db';
import { LINES_CHANNEL, type Lines } from '../lua/lines.ts';
import { meter } from './meter.ts';

/** Which database this is; `?database=name` opens another one. */
export const databaseName = new URLSearchParams(location.search).get('database') || 'playground';

/** Whether the database is open, and why it isn't. */
export const state = signal<'opening' | 'open' | { readonly error: unknown }>('opening');

/** Whether it outlives the page. */
export const durable = signal(true);

/** Grows with each call that may have written; what shows documents reads them anew. */
export const revision = signal(0);

/** Grows when the database is another one. */
export const generation = signal(0);

export const tables = signal<readonly TableInfo[]>([]);

/** What takes the words of Lua's `print`. */
export const printed: { take: (text: string) => void } = { take: (text) => console.log(text) };

let worker: Worker | undefined;
let workerName: string | undefined;
let current: Promise<Database> = openDatabase();

async function openDatabase(): Promise<Database> {
  const options = { worker: startWorker, onPrint: (text: string) => printed.take(text) };
  try {
    const db = await openOrMemory(options);
    state.value = 'open';
    tables.value = await db.tables();
    return db;
  } catch (error) {
    state.value = { error };
    throw error;
  }
}

async function openOrMemory(options: NonNullable<Parameters<typeof open>[1]>): Promise<Database> {
  try {
    return await open(databaseName, options);
  } catch (error) {
    if (!(error instanceof CuError) || error.code !== 'store-unavailable') throw error;
    durable.value = false;
    return open(databaseName, { ...options, storage: 'memory' });
  }
}

function startWorker(): Worker {
  workerName = `${Math.random()}`;
  worker = new Worker(new URL('../engine.ts', import.meta.url), { type: 'module', name: workerName });
  return worker;
}

/** Asks the database for something, and mostly counts it. */
export async function read<T>(work: (db: Database) => Promise<T>, counts = true): Promise<T> {
  const db = await current;
  return counts ? meter.measure(() => work(db)) : work(db);
}

/** As `read`, for what may write: whatever is shown is read anew. */
export async function write<T>(work: (db: Database) => Promise<T>): Promise<T> {
  try {
    return await read(work);
  } finally {
    await refresh();
  }
}

/** Reads anew whatever is shown. */
export async function refresh(): Promise<void> {
  try {
    tables.value = await (await current).tables();
  } catch {
    // Who asks for documents is told the reason.
  }
  revision.value++;
}

new BroadcastChannel(LINES_CHANNEL).onmessage = ({ data }: MessageEvent<Lines>) => {
  if (data.from === workerName) printed.take(data.text);
};

/** Ends the worker with whatever runs in it; the next call starts another one. A database in memory would go with it. */
export function stop(): void {
  if (durable.value) worker?.terminate();
}

/** Deletes everything and begins anew. */
export async function startOver(): Promise<void> {
  await current.then((db) => db.close()).catch(() => {});
  if (durable.value) await Database.deleteDatabase(databaseName);
  current = openDatabase();
  await current;
  generation.value++;
  await refresh();
}

current.catch(() => {});
addEventListener('focus', () => void refresh());
