/** What stands for files where there are none: in browsers and their workers. */
import { CuError } from '../errors.ts';
import type { Journal } from './journal.ts';

/** Where databases are kept unless it is said. */
export const KEPT: 'indexeddb' | 'file' = 'indexeddb';

export async function openFile(): Promise<Journal> {
  throw unavailable();
}

export async function removeFile(): Promise<void> {
  throw unavailable();
}

function unavailable(): CuError {
  return new CuError('store-unavailable', "There are no files here; leave out storage: 'file'.");
}
