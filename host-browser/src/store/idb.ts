/** The few things that IndexedDB needs around it: promises, and errors in our own words. */
import { CuError } from '../errors.ts';
import type { Durability } from './journal.ts';

/** The layout of a database in IndexedDB. Its IndexedDB version is the layout's, and so far 1. */
export const LAYOUT_VERSION = 1;
export const META = 'meta';
export const LOG = 'log';
export const SEGMENTS = 'segments';
export const FORMAT_KEY = 'format';
export const FORMAT_NAME = 'cu-db';

/** The name in IndexedDB of the database with a name. */
export function storedName(name: string): string {
  return `cu:${name}`;
}

/** IndexedDB itself, or `store-unavailable` where this page may not have it. */
export function factory(): IDBFactory {
  let found: IDBFactory | undefined;
  try {
    found = globalThis.indexedDB;
  } catch (cause) {
    // A sandboxed frame throws on the mere access.
    throw unavailable('This page is not allowed to use IndexedDB', cause);
  }
  if (!found) throw unavailable('There is no IndexedDB here', undefined);
  return found;
}

function unavailable(reason: string, cause: unknown): CuError {
  return new CuError(
    'store-unavailable',
    `${reason}; open the database with { storage: 'memory' } to go on without keeping anything.`,
    { cause },
  );
}

/** The result of a request that is part of a transaction someone else waits for. */
export function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(platformError(request.error));
  });
}

/** Resolves when the transaction has completed, which is later than its last request succeeding. */
export function completion(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    // WebKit has no error for a transaction if it failed once it was told to commit; the request has it.
    let failed: DOMException | null = null;
    transaction.onerror = ({ target }) => {
      const { error } = target as IDBRequest;
      // Of the requests that an abort has ended, none is to blame.
      if (error?.name !== 'AbortError') failed ??= error;
    };
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(platformError(transaction.error ?? failed));
  });
}

/** Begins a transaction. */
export function begin(
  connection: IDBDatabase,
  stores: string[],
  mode: 'readonly' | 'readwrite',
  durability: Durability,
): IDBTransaction {
  try {
    return connection.transaction(stores, mode, { durability });
  } catch (cause) {
    throw platformError(cause);
  }
}

/**
 * Whether an error may mean that the connection has ended, and not that IndexedDB refused: the browser aborts the
 * transactions of a connection that it closes with an `AbortError`, while a transaction that a script aborts has no error.
 */
export function mayBeDisconnected(error: CuError): boolean {
  return (
    error.code === 'store-io' &&
    /^(Abort|InvalidState|Unknown|TransactionInactive)Error$/.test(nameOf(error.cause))
  );
}

/** An error of the platform as one of ours. */
export function platformError(cause: unknown): CuError {
  if (cause instanceof CuError) return cause;
  const words = cause instanceof Error && cause.message !== '' ? `: ${cause.message}` : '';
  if (nameOf(cause) === 'QuotaExceededError') {
    return new CuError(
      'store-full',
      `The browser gives this site no more room${words}. Nothing was written; delete something, or ask for more room with db.persist().`,
      { cause },
    );
  }
  return new CuError('store-io', `IndexedDB did not do it (${nameOf(cause)})${words}`, { cause });
}

function nameOf(cause: unknown): string {
  // A transaction that is aborted without a request to blame has no error at all.
  return cause instanceof Error ? cause.name : 'aborted';
}

/** The record that says what a database is. `id` is a new one for each that is made. */
export interface Format {
  readonly name: string;
  readonly version: number;
  readonly id?: string;
}

/** Opens the database, and makes it if there is none and it may. Nothing of a foreign database is touched. */
export function connect(name: string, mayMake: boolean): Promise<IDBDatabase> {
  const databases = factory();
  return new Promise((resolve, reject) => {
    let request: IDBOpenDBRequest;
    try {
      request = databases.open(storedName(name), LAYOUT_VERSION);
    } catch (cause) {
      reject(unavailable('This page is not allowed to use IndexedDB', cause));
      return;
    }
    let isMissing = false;
    request.onupgradeneeded = () => {
      const connection = request.result;
      if (!mayMake) {
        isMissing = true;
        // Then it is not made, either.
        request.transaction!.abort();
        return;
      }
      connection.createObjectStore(LOG);
      connection.createObjectStore(SEGMENTS);
      const format: Format = { name: FORMAT_NAME, version: LAYOUT_VERSION, id: makeId() };
      connection.createObjectStore(META).put(format, FORMAT_KEY);
    };
    request.onerror = () => reject(isMissing ? lost(name) : openError(name, request.error));
    request.onsuccess = () => {
      const connection = request.result;
      if ([META, LOG, SEGMENTS].every((store) => connection.objectStoreNames.contains(store))) {
        resolve(connection);
      } else {
        connection.close();
        reject(foreign(name));
      }
    };
  });
}

/** Pages without a secure context have no `randomUUID`. */
function makeId(): string {
  return [...crypto.getRandomValues(new Uint8Array(12))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
}

/** The id of a database, if it is one that this package can read. */
export function checkFormat(name: string, format: Format | undefined): string {
  if (format?.name !== FORMAT_NAME) throw foreign(name);
  if (format.version !== LAYOUT_VERSION) throw newer(name);
  return format.id ?? '';
}

/** The error for a database that was there and is not any more. */
export function lost(name: string): CuError {
  return new CuError(
    'store-lost',
    `The database "${name}" is gone: a script, the user or the browser has deleted what this site stored. ` +
      "Import a copy of it, if there is one, into a new database: open(name, { whenLost: 'accept' }) makes that.",
  );
}

function openError(name: string, cause: DOMException | null): CuError {
  switch (cause?.name) {
    case 'VersionError':
      return newer(name);
    case 'QuotaExceededError':
    // The browser deletes what there is just now; it can be tried again.
    case 'AbortError':
      return platformError(cause);
    default:
      return unavailable(`The browser does not open IndexedDB (${cause?.name}: ${cause?.message})`, cause);
  }
}

/** The error for a database that something else made. */
export function foreign(name: string): CuError {
  return new CuError(
    'unsupported-format',
    `The IndexedDB database "${storedName(name)}" was not made by Cu; choose another name.`,
    { place: 'name' },
  );
}

/** The error for a database of a later layout. */
export function newer(name: string): CuError {
  return new CuError(
    'unsupported-format',
    `The database "${name}" was written by a newer version of this package; use that version.`,
    { place: 'name' },
  );
}

/**
 * Deletes a database. Every connection of this package closes when it hears of it, after its
 * transactions in flight; until all have, the request is blocked and goes on by itself.
 */
export function remove(name: string): Promise<void> {
  const databases = factory();
  return new Promise((resolve, reject) => {
    const request = databases.deleteDatabase(storedName(name));
    request.onsuccess = () => resolve();
    request.onerror = () => reject(platformError(request.error));
  });
}
