/**
 * What the typed API needs of an open database, wherever its engine runs: in this thread (`local.ts`) or in a
 * worker (`remote.ts`). Values cross as CBOR bytes.
 */
import type { ArchiveOptions } from '../archive.ts';
import type { Durability, StorageInfo } from '../store/journal.ts';
import type { Mode } from '../store/transactor.ts';

/** Runs exports of the component, in the order in which they were asked for. */
export interface Exports {
  /** `face` and `name` are those of `wit/database.wit` in camel case. A call that waits is taken back by the signal. */
  run(
    face: string,
    name: string,
    mode: Mode,
    durability: Durability | undefined,
    signal: AbortSignal | undefined,
    ...args: readonly unknown[]
  ): Promise<unknown>;
}

export interface Connection extends Exports {
  /** Which database it is; absent for one in memory. */
  readonly id: string | undefined;

  /** Begins a transaction on the state after the calls that were made before. */
  begin(durability: Durability | undefined): Promise<TransactionConnection>;

  /** Resolves once there is a later commit than the one of this number. Rejects once the signal is raised. */
  newer(version: number, signal: AbortSignal): Promise<void>;

  /** The different results of a query, from now on until the signal. */
  live(query: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void>;

  exportArchive(options: ArchiveOptions): Promise<Blob>;

  importArchive(archive: Blob, options: ArchiveOptions): Promise<void>;

  storage(): Promise<StorageInfo>;

  /** Ends it after the calls that were made before. */
  close(): Promise<void>;
}

/** Savepoints have numbers that the caller chooses, no two the same. */
export interface TransactionConnection extends Exports {
  savepoint(id: number): Promise<void>;
  rollbackTo(id: number): Promise<void>;
  release(id: number): Promise<void>;
  commit(signal: AbortSignal | undefined): Promise<void>;
  rollback(): Promise<void>;
}
