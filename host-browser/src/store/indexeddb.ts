/**
 * The journal on IndexedDB: a log of commits and compacted segments.
 *
 * A commit is one record in one read-write transaction. Such transactions exclude each other
 * between all tabs, so the transaction is also the lock under which a writer learns what others
 * have appended. A Web Lock would say the same a second time, and pages without a secure context
 * have none.
 */
import type { CuError } from '../errors.ts';
import * as idb from './idb.ts';
import type { Durability, Journal, StorageInfo } from './journal.ts';
import { Mirror } from './mirror.ts';
import { PackError } from './pack.ts';
import { decodeRecords, encodeRecord, type LogRecord, RecordError } from './record.ts';
import {
  type Compaction,
  checkDirectory,
  compact,
  corrupt,
  DIRECTORY_KEY,
  type Directory,
  emptyDirectory,
  foldRecords,
  readSegment,
} from './segments.ts';
import { advance, type State } from './state.ts';

/** The log is compacted when it is longer than this and than a quarter of the contents. */
const LOG_BYTES = 4 * 1024 * 1024;

/** Log records are folded into fewer when there are more than this: loading costs by the record. */
const LOG_RECORDS = 512;

export interface Thresholds {
  readonly logBytes: number;
  readonly logRecords: number;
}

export class IndexedDbJournal implements Journal {
  onForeignCommit: ((version: number) => void) | undefined;
  onClosed: ((reason: string) => void) | undefined;
  readonly #name: string;
  readonly #connection: IDBDatabase;
  readonly durability: Durability;
  readonly #thresholds: Thresholds;
  readonly #channel: BroadcastChannel | undefined;
  #directory: Directory = emptyDirectory;
  #logRecords = 0;
  #logBytes = 0;
  #tidying: Promise<void> | undefined;
  #closed = false;

  private constructor(
    name: string,
    connection: IDBDatabase,
    durability: Durability,
    thresholds: Partial<Thresholds>,
  ) {
    this.#name = name;
    this.#connection = connection;
    this.durability = durability;
    this.#thresholds = { logBytes: LOG_BYTES, logRecords: LOG_RECORDS, ...thresholds };
    connection.onversionchange = () => {
      this.#lose(`The database "${name}" is being deleted or upgraded elsewhere; open it again.`);
    };
    connection.onclose = () => {
      this.#lose(`The browser closed the database "${name}", maybe to delete it; open it again.`);
    };
    if (typeof BroadcastChannel !== 'undefined') {
      this.#channel = new BroadcastChannel(idb.storedName(name));
      this.#channel.onmessage = ({ data }) => {
        if (Number.isSafeInteger(data)) this.onForeignCommit?.(data);
      };
    }
  }

  static async open(
    name: string,
    durability: Durability,
    thresholds: Partial<Thresholds> = {},
  ): Promise<IndexedDbJournal> {
    return new IndexedDbJournal(name, await idb.connect(name), durability, thresholds);
  }

  async load(): Promise<State> {
    const transaction = idb.begin(
      this.#connection,
      [idb.META, idb.LOG, idb.SEGMENTS],
      'readonly',
      this.durability,
    );
    const meta = transaction.objectStore(idb.META);
    const segments = transaction.objectStore(idb.SEGMENTS);
    const [format, directory, ids, stored, log] = await Promise.all([
      idb.result(meta.get(idb.FORMAT_KEY)),
      idb.result(meta.get(DIRECTORY_KEY)),
      idb.result(segments.getAllKeys()),
      idb.result(segments.getAll()),
      idb.result(transaction.objectStore(idb.LOG).getAll()),
      idb.completion(transaction),
    ]);
    if (format?.name !== idb.FORMAT_NAME) throw idb.foreign(this.#name);
    if (format.version !== idb.LAYOUT_VERSION) throw idb.newer(this.#name);
    this.#directory = checkDirectory(directory);
    const byId = new Map(ids.map((id, index) => [id, stored[index]]));
    const runs = await Promise.all(
      this.#directory.segments.map((info) => readSegment(info, byId.get(info.id))),
    );
    const base = { mirror: Mirror.load(runs), version: this.#directory.version };
    const state = advance(base, decode(log));
    if (state === undefined) throw corrupt('a commit is missing from its log');
    this.#measure(log);
    return state;
  }

  async missed(version: number): Promise<LogRecord[]> {
    const transaction = idb.begin(this.#connection, [idb.LOG], 'readonly', this.durability);
    const [stored] = await Promise.all([
      idb.result(transaction.objectStore(idb.LOG).getAll(after(version))),
      idb.completion(transaction),
    ]);
    this.#logRecords += stored.length;
    return decode(stored);
  }

  async append(
    version: number,
    durability: Durability,
    work: (missed: LogRecord[]) => LogRecord | undefined,
  ): Promise<void> {
    const transaction = idb.begin(this.#connection, [idb.LOG], 'readwrite', durability);
    const log = transaction.objectStore(idb.LOG);
    const request = log.getAll(after(version));
    let failure: { readonly thrown: unknown } | undefined;
    let record: LogRecord | undefined;
    request.onsuccess = () => {
      // An exception in a callback would abort the transaction and end up in the page's console.
      try {
        record = work(decode(request.result));
        this.#logRecords += request.result.length;
        if (record === undefined) return;
        encodeRecord(record).forEach((part, index) => {
          log.put(part, [record!.version, index]);
          this.#logRecords++;
          this.#logBytes += part.length;
        });
        transaction.commit();
      } catch (thrown) {
        failure = { thrown };
        transaction.abort();
      }
    };
    try {
      await idb.completion(transaction);
    } catch (error) {
      if (failure === undefined) throw error;
      throw failure.thrown instanceof DOMException ? idb.platformError(failure.thrown) : failure.thrown;
    }
    if (record !== undefined) this.#announce(record.version);
  }

  rest(state: State): void {
    const { logBytes, logRecords } = this.#thresholds;
    if (this.#closed || this.#tidying !== undefined) return;
    const long = this.#logBytes > Math.max(logBytes, state.mirror.bytes / 4);
    if (!long && this.#logRecords <= logRecords) return;
    this.#tidying = this.#tidy(state, long)
      // The log stays as it is and keeps growing; the next rest tries again.
      .catch(() => {})
      .finally(() => {
        this.#tidying = undefined;
      });
  }

  info({ mirror }: State): StorageInfo {
    const segments = this.#directory.segments;
    const compressed = segments.filter((segment) => segment.compressed);
    return {
      kind: 'indexeddb',
      bytes: mirror.bytes,
      entries: mirror.entries,
      segments: segments.length,
      segmentBytes: segments.reduce((size, segment) => size + segment.storedSize, 0),
      compression: {
        segments: compressed.length,
        before: compressed.reduce((size, segment) => size + segment.size, 0),
        after: compressed.reduce((size, segment) => size + segment.storedSize, 0),
      },
      logRecords: this.#logRecords,
      logBytes: this.#logBytes,
    };
  }

  /** Resolves when no tidying is under way. */
  async tidied(): Promise<void> {
    while (this.#tidying !== undefined) await this.#tidying;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.tidied();
    this.#release();
  }

  /** Compacts or folds the log up to the state's version. */
  async #tidy(state: State, long: boolean): Promise<void> {
    const transaction = idb.begin(this.#connection, [idb.META, idb.LOG], 'readonly', this.durability);
    const upTo = IDBKeyRange.upperBound([state.version, Infinity]);
    const [stored, log, keys] = await Promise.all([
      idb.result(transaction.objectStore(idb.META).get(DIRECTORY_KEY)),
      idb.result(transaction.objectStore(idb.LOG).getAll(upTo)),
      idb.result(transaction.objectStore(idb.LOG).getAllKeys(upTo)),
      idb.completion(transaction),
    ]);
    const directory = checkDirectory(stored);
    this.#directory = directory;
    const records = decode(log).filter((record) => record.version > directory.version);
    // Others may have tidied up already, further than this state goes.
    if (records.length === 0) return this.#remeasure();
    if (long) {
      await this.#swap(keys, await compact(directory, records, state.mirror, state.version));
    } else {
      await this.#fold(keys, recentSmall(records), state);
    }
    await this.#remeasure();
  }

  /** Puts segments in place of log and older segments, all or nothing. */
  async #swap(keys: IDBValidKey[], { directory, added, removed }: Compaction): Promise<void> {
    const { version } = directory;
    const transaction = await this.#guarded(keys, version);
    if (transaction === undefined) return;
    const segments = transaction.objectStore(idb.SEGMENTS);
    for (const { id, stored } of added) segments.put(stored, id);
    for (const id of removed) segments.delete(id);
    transaction.objectStore(idb.META).put(directory, DIRECTORY_KEY);
    const log = transaction.objectStore(idb.LOG);
    log.delete(IDBKeyRange.upperBound([version, Infinity]));
    // An empty record holds the place of the newest: by it, tabs that are behind see that they are.
    for (const part of encodeRecord({ first: version + 1, version, runs: [] })) log.put(part, [version, 0]);
    await idb.completion(transaction);
    this.#directory = directory;
  }

  async #fold(keys: IDBValidKey[], records: LogRecord[], { mirror, version }: State): Promise<void> {
    const parts = encodeRecord(foldRecords(records, mirror, version));
    const transaction = await this.#guarded(keys, version);
    if (transaction === undefined) return;
    const log = transaction.objectStore(idb.LOG);
    log.delete(IDBKeyRange.bound([records[0]!.version, 0], [version, Infinity]));
    parts.forEach((part, index) => {
      log.put(part, [version, index]);
    });
    await idb.completion(transaction);
  }

  /**
   * A transaction over everything, unless another tab has tidied up since the log was read: its
   * records may hold what ours do not know of.
   */
  async #guarded(keys: IDBValidKey[], version: number): Promise<IDBTransaction | undefined> {
    const transaction = idb.begin(
      this.#connection,
      [idb.META, idb.LOG, idb.SEGMENTS],
      'readwrite',
      this.durability,
    );
    const upTo = IDBKeyRange.upperBound([version, Infinity]);
    const now = await idb.result(transaction.objectStore(idb.LOG).getAllKeys(upTo));
    if (String(now) === String(keys)) return transaction;
    transaction.abort();
    return undefined;
  }

  async #remeasure(): Promise<void> {
    const transaction = idb.begin(this.#connection, [idb.LOG], 'readonly', this.durability);
    this.#measure(await idb.result(transaction.objectStore(idb.LOG).getAll()));
  }

  #measure(log: readonly unknown[]): void {
    this.#logRecords = log.length;
    this.#logBytes = log.reduce<number>((size, part) => size + (part as Uint8Array).length, 0);
  }

  #announce(version: number): void {
    if (!this.#closed) this.#channel?.postMessage(version);
  }

  #lose(reason: string): void {
    this.#release();
    if (!this.#closed) this.onClosed?.(reason);
    this.#closed = true;
  }

  #release(): void {
    // Closing waits for the transactions in flight, so a commit that was begun still completes.
    this.#connection.close();
    this.#channel?.close();
  }
}

/** The keys of the log records after a version. */
function after(version: number): IDBKeyRange {
  return IDBKeyRange.lowerBound([version, Infinity], true);
}

function decode(stored: readonly unknown[]): LogRecord[] {
  try {
    return decodeRecords(stored);
  } catch (cause) {
    if (cause instanceof RecordError || cause instanceof PackError)
      throw corrupt(cause.message, cause) satisfies CuError;
    throw cause;
  }
}

/**
 * The newest records, back to the first that is more than twice as long as all after it: what is
 * folded often stays small, so that a key is rewritten a logarithmic number of times.
 */
function recentSmall(records: LogRecord[]): LogRecord[] {
  let size = 0;
  let from = records.length;
  while (from > 0) {
    const length = records[from - 1]!.runs.reduce((sum, run) => sum + run.bytes.length, 0);
    if (from < records.length && length > 2 * size) break;
    size += length;
    from--;
  }
  return records.slice(from);
}
