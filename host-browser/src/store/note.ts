/**
 * Notes of the databases that there are, outside of IndexedDB: browsers may delete one and keep the other, and so it
 * shows. They are in `localStorage`, which the browsers that evict databases do not evict with them, or later. Where
 * there is none, such as in a worker, a deletion shows only while the database is open.
 */

function key(name: string): string {
  return `cu-db:${name}`;
}

/** The id of the database that was there, if any was. */
export function readNote(name: string): string | undefined {
  return attempt((storage) => JSON.parse(storage.getItem(key(name))!)) ?? undefined;
}

/** It is JSON, as what pages keep there mostly is: some read all of it. */
export function writeNote(name: string, id: string): void {
  attempt((storage) => storage.setItem(key(name), JSON.stringify(id)));
}

export function removeNote(name: string): void {
  attempt((storage) => storage.removeItem(key(name)));
}

/** Where storage is denied, the mere access throws; where it is full, writing does; a note that is none says nothing. */
function attempt<T>(work: (storage: Storage) => T): T | undefined {
  try {
    return typeof document === 'undefined' ? undefined : work(globalThis.localStorage);
  } catch {
    return undefined;
  }
}
