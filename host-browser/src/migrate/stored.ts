/** What the module `cu` 2.1 left in IndexedDB: its records, read and checked. */
import { decodeValue, FormatError, type OlderValue } from '../cu-api/format.ts';
import { MigrationError } from './errors.ts';

/** The database of the older module, unless it was told another name. */
export const OLDER_NAME = 'LuaPersistentDB';
const STORE = 'externalTables';
const METADATA = '__metadata__';

/** A value, or why its bytes are none. */
export type StoredValue = OlderValue | { readonly type: 'damaged'; readonly reason: string };

export interface Stored {
  /** The tables by their ids, each with its values by key. */
  readonly tables: ReadonlyMap<number, ReadonlyMap<string, StoredValue>>;
  /** The id of the table that was `_home`, if any. */
  readonly home: number | undefined;
}

/** Reads the database; undefined if there is none, which is not made by looking. */
export async function readStored(name: string): Promise<Stored | undefined> {
  if (typeof indexedDB === 'undefined') {
    throw new MigrationError(
      'unavailable',
      'There is no IndexedDB here; migrate in the page that has the older data.',
    );
  }
  const db = await openExisting(name);
  if (db === undefined) return undefined;
  try {
    if (!db.objectStoreNames.contains(STORE)) {
      const message = `The database "${name}" is not of the older module: it has no store "${STORE}".`;
      throw new MigrationError('foreign', message);
    }
    const request = db.transaction(STORE).objectStore(STORE).getAll() as IDBRequest<unknown[]>;
    return storedOf(await settled(request));
  } finally {
    db.close();
  }
}

function openExisting(name: string): Promise<IDBDatabase | undefined> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name);
    let isNew = false;
    request.onupgradeneeded = () => {
      // It was not there; whoever gives up making it leaves nothing behind.
      isNew = true;
      request.transaction!.abort();
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => (isNew ? resolve(undefined) : reject(unreadable(request.error)));
  });
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(unreadable(request.error));
  });
}

function unreadable(cause: unknown): MigrationError {
  return new MigrationError('unreadable', `The older database can't be read: ${cause}`, { cause });
}

/** The tables of records as `getAll` gives them. */
export function storedOf(records: readonly unknown[]): Stored {
  const tables = new Map<number, Map<string, StoredValue>>();
  let metadata: Record<string, unknown> = {};
  for (const record of records) {
    const { id, data } = (record ?? {}) as { id?: unknown; data?: unknown };
    const members = typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {};
    if (id === METADATA) metadata = members;
    else if (typeof id === 'number' || (typeof id === 'string' && id !== '')) {
      tables.set(
        Number(id),
        new Map(Object.entries(members).map(([key, value]) => [key, storedValue(value)])),
      );
    }
  }
  const named = metadata.homeTableId ?? metadata.memoryTableId;
  const home = named === undefined || named === null ? Math.min(...tables.keys()) : Number(named);
  return { tables, home: tables.has(home) ? home : undefined };
}

function storedValue(stored: unknown): StoredValue {
  if (typeof stored === 'string') return ofText(stored);
  const binary = stored as { _type?: unknown; data?: unknown } | null;
  const bytes =
    stored instanceof Uint8Array
      ? stored
      : binary?._type === 'binary' && Array.isArray(binary.data)
        ? Uint8Array.from(binary.data as number[])
        : undefined;
  if (bytes === undefined) return { type: 'damaged', reason: 'it is neither bytes nor a string' };
  try {
    return decodeValue(bytes);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { type: 'damaged', reason: error.message };
  }
}

/** A string is the bytes of a value, as early versions stored them, or else a text itself. */
function ofText(text: string): StoredValue {
  const bytes = new TextEncoder().encode(text);
  try {
    return decodeValue(bytes);
  } catch {
    return { type: 'string', value: bytes };
  }
}
