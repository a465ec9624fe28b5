/**
 * What the tests find in a page: the built package as `cu`, and `store`, the store by itself. The
 * latter is the real seam without a component: a call is any function over the `store` import.
 */
import type * as Package from '../../src/index.ts';
import { Entries } from '../../src/store/entries.ts';
import { Session, storeImport } from '../../src/store/imports.ts';
import { IndexedDbJournal, type Thresholds } from '../../src/store/indexeddb.ts';
import type { Durability } from '../../src/store/journal.ts';
import { packEntries, unpackEntries } from '../../src/store/pack.ts';
import { type Mode, Transactor } from '../../src/store/transactor.ts';

interface Snapshot {
  get(key: Uint8Array): Uint8Array | undefined;
  scan(start: Uint8Array, end: Uint8Array, direction: string, entries: number, bytes: number): Uint8Array;
}

interface Seam {
  open(): [Snapshot, bigint];
  Snapshot: { commit(snapshot: Snapshot, writes: Uint8Array): bigint };
}

const text = new TextEncoder();
const NONE = new Uint8Array(0);

/** A store of texts. */
class TextStore {
  readonly #journal: IndexedDbJournal;
  readonly #transactor: Transactor<Seam>;

  constructor(journal: IndexedDbJournal, transactor: Transactor<Seam>) {
    this.#journal = journal;
    this.#transactor = transactor;
  }

  static async open(name: string, durability: Durability = 'relaxed', thresholds: Partial<Thresholds> = {}) {
    const journal = await IndexedDbJournal.open(name, {
      durability,
      thresholds: { quiet: 0, ...thresholds },
    });
    const state = await journal.load();
    return new TextStore(
      journal,
      new Transactor(journal, new Session(state), (session: Session) => storeImport(session) as Seam),
    );
  }

  run<T>(mode: Mode, work: (seam: Seam) => T): Promise<T> {
    return this.#transactor.submit(mode, work);
  }

  /** Writes entries in one commit; null deletes. Gives the commit's number. */
  write(entries: Record<string, string | null>): Promise<number> {
    const sorted = Object.entries(entries)
      .map(([key, value]) => [text.encode(key), value === null ? null : text.encode(value)] as const)
      .sort(([left], [right]) => (decodeText(left) < decodeText(right) ? -1 : 1));
    return this.run('write', (seam) => Number(seam.Snapshot.commit(seam.open()[0], packEntries(sorted))));
  }

  read(key: string): Promise<string | undefined> {
    return this.run('read', (seam) => decodeText(seam.open()[0].get(text.encode(key))));
  }

  /** Adds one to a number, in one call that reads and writes. */
  increment(key: string, mode: Mode = 'write'): Promise<number> {
    return this.run(mode, (seam) => {
      const [snapshot] = seam.open();
      const next = Number(decodeText(snapshot.get(text.encode(key))) ?? 0) + 1;
      seam.Snapshot.commit(snapshot, packEntries([[text.encode(key), text.encode(String(next))]]));
      return next;
    });
  }

  entries(mode: Mode = 'read'): Promise<Record<string, string>> {
    return this.run(mode, (seam) => {
      const packed = seam.open()[0].scan(NONE, NONE, 'forward', 0xffff_ffff, 0xffff_ffff);
      return Object.fromEntries(
        unpackEntries(packed).map(([key, value]) => [decodeText(key), decodeText(value!)]),
      );
    });
  }

  version(mode: Mode = 'read'): Promise<number> {
    return this.run(mode, (seam) => Number(seam.open()[1]));
  }

  /** Resolves when what can be tidied up is. */
  async tidied(): Promise<void> {
    await this.#transactor.idle();
    await this.#journal.tidied();
    // What was committed during the last tidying has waited for a moment of rest.
    await this.#transactor.state();
    await this.#transactor.idle();
    await this.#journal.tidied();
  }

  get info() {
    return this.#transactor.info;
  }

  close(): Promise<void> {
    return this.#transactor.close();
  }
}

function decodeText(bytes: Uint8Array): string;
function decodeText(bytes: Uint8Array | undefined): string | undefined;
function decodeText(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes);
}

/** The code of the error that a promise rejects with, or what it resolves to. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** Opens IndexedDB itself. */
function rawDatabase(
  name: string,
  version?: number,
  upgrade?: (db: IDBDatabase) => void,
): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    request.onupgradeneeded = () => upgrade?.(request.result);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Changes what IndexedDB holds, as a bug or another program would. */
async function tamper(
  name: string,
  stores: string[],
  change: (transaction: IDBTransaction) => void,
): Promise<void> {
  const db = await rawDatabase(name);
  const transaction = db.transaction(stores, 'readwrite');
  change(transaction);
  await new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = reject;
  }).finally(() => db.close());
}

/** Changes the log record of a version; undefined deletes it. */
function tamperRecord(name: string, version: number, change: (bytes: Uint8Array) => unknown): Promise<void> {
  return tamper(name, ['log'], (transaction) => {
    const range = IDBKeyRange.bound([version], [version, Infinity]);
    transaction.objectStore('log').openCursor(range).onsuccess = ({ target }) => {
      const cursor: IDBCursorWithValue | null = (target as IDBRequest).result;
      if (cursor === null) return;
      const changed = change(cursor.value);
      if (changed === undefined) cursor.delete();
      else cursor.update(changed);
    };
  });
}

/** Everything an IndexedDB database holds, as text. */
async function dump(name: string): Promise<string> {
  const db = await rawDatabase(name);
  const contents: Record<string, unknown> = {};
  for (const store of db.objectStoreNames) {
    const objects = db.transaction(store).objectStore(store);
    contents[store] = await Promise.all([read(objects.getAllKeys()), read(objects.getAll())]);
  }
  db.close();
  return JSON.stringify([db.version, contents], (_, value) =>
    value instanceof Uint8Array ? [...value] : value,
  );
}

function read<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** The databases that there are. WebKit lists those, too, that a transaction has given up making: as version 0. */
async function databaseNames(): Promise<string[]> {
  return (await indexedDB.databases()).filter(({ version }) => version !== 0).map(({ name }) => name!);
}

/** Deletes a database of IndexedDB itself. */
function removeDatabase(name: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = resolve;
    request.onerror = reject;
  });
}

const helpers = {
  TextStore,
  Entries,
  outcome,
  rawDatabase,
  databaseNames,
  removeDatabase,
  tamper,
  tamperRecord,
  dump,
};

declare global {
  var cu: typeof Package;
  var store: typeof helpers;
  /** What a test keeps between its steps. */
  var kept: Record<string, never>;
}

// Taken by a name, so that the types are those of the sources.
const built: string = '../../dist/index.js';
const module = (await import(built)) as typeof Package;
// The engine runs where the test wants it to, unless a call says otherwise.
const worker = new URLSearchParams(location.search).get('thread') !== 'page';
globalThis.cu = {
  ...module,
  open: (name, options) => module.open(name, options?.functions ? options : { worker, ...options }),
};
globalThis.store = helpers;
globalThis.kept = {};
document.title = 'ready';
