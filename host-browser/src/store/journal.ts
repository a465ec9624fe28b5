/** What makes commits durable. The transactor knows no more of the platform than this. */
import { CuError } from '../errors.ts';
import type { LogRecord } from './record.ts';
import type { StorageRoom } from './room.ts';
import type { State } from './state.ts';

export type Durability = 'relaxed' | 'strict';

/** A journal's own figures, for `Database.storage`. */
export interface StorageInfo {
  readonly kind: 'indexeddb' | 'file' | 'memory';
  /** Bytes of the packed entries in memory. */
  readonly bytes: number;
  /** How many keys the store holds. */
  readonly entries: number;
  /** How many segments there are, and how many bytes they take as stored. */
  readonly segments: number;
  readonly segmentBytes: number;
  /** How many of the segments are compressed, and their bytes before and after. */
  readonly compression: { readonly segments: number; readonly before: number; readonly after: number };
  /** How many log records are not in a segment yet, and how many bytes they take. */
  readonly logRecords: number;
  readonly logBytes: number;
  /** What the browser gives this site; absent in memory, and where the browser does not tell. */
  readonly room?: StorageRoom | undefined;
}

/** A commit came to nothing because the platform broke off. The calls may be made again, on a newer state. */
export class Interrupted extends CuError {
  constructor(cause: unknown) {
    const message =
      'The connection to IndexedDB ended during the commit, and another tab has committed since; nothing was written. Make the call again.';
    super('store-io', message, { cause });
  }
}

/** Makes the record to be appended, if there is anything to append. */
export type Ahead = () => LogRecord | undefined;

/** The same, of what others have added. */
export type Made = (missed: LogRecord[]) => LogRecord | undefined;

export interface Journal {
  /** Which database it is, once it was loaded: no other one has the same. Absent where nothing is kept. */
  readonly id: string | undefined;

  /** Resolves when it is known again whether the database is there; absent as long as it is known. */
  readonly reconnecting: Promise<unknown> | undefined;

  /** How durable a commit is unless it says otherwise. */
  readonly durability: Durability;

  /** Reads everything. */
  load(): Promise<State>;

  /** The records after a version that others may have added. */
  missed(version: number): Promise<LogRecord[]>;

  /**
   * Runs `work` at a moment when nobody else can append, with the records after `version` that
   * others have added. What it returns is appended, and the promise resolves once that is as
   * durable as is asked for. If `work` throws, nothing is written and the promise rejects
   * with what it threw. `work` is called once, or not at all if the platform refuses. Rejects with `Interrupted`
   * if there is a record and it can't be appended any more.
   *
   * `ahead` is called first, and once, while it is not known yet whether others have added anything. If none have, `work` is
   * called with nothing and gives the same record; else the record is void.
   */
  append(version: number, durability: Durability, ahead: Ahead | undefined, work: Made): Promise<void>;

  /** Told after each batch, and when nothing waits: what has to be tidied up shows then. Never throws. */
  rest(state: State): void;

  /** Calls back when others have committed, with the number of their newest commit. */
  onForeignCommit: ((version: number) => void) | undefined;

  /** Calls back once when the database is lost for good, with what calls reject with from then on. */
  onLost: ((error: CuError) => void) | undefined;

  info(state: State): StorageInfo;

  /** Ends the connection, after the work in flight. */
  close(): Promise<void>;
}
