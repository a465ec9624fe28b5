/** What makes commits durable. The transactor knows no more of the platform than this. */
import type { LogRecord } from './record.ts';
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
}

export interface Journal {
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
   * with what it threw. `work` is called once, or not at all if the platform refuses.
   */
  append(
    version: number,
    durability: Durability,
    work: (missed: LogRecord[]) => LogRecord | undefined,
  ): Promise<void>;

  /** Told after each batch while nothing else waits: the moment to tidy up. Never throws. */
  rest(state: State): void;

  /** Calls back when others have committed, with the number of their newest commit. */
  onForeignCommit: ((version: number) => void) | undefined;

  /** Calls back once when the connection is lost for good, with a sentence that says why. */
  onClosed: ((reason: string) => void) | undefined;

  info(state: State): StorageInfo;

  /** Ends the connection, after the work in flight. */
  close(): Promise<void>;
}
