/**
 * The journal on IndexedDB: a log of commits and compacted segments.
 *
 * A commit is one record in one read-write transaction. Such transactions exclude each other
 * between all tabs, so the transaction is also the lock under which a writer learns what others
 * have appended. A Web Lock would say the same a second time, and pages without a secure context
 * have none.
 */
import { CuError } from '../errors.ts';
import * as idb from './idb.ts';
import {
  type Ahead,
  type Durability,
  Interrupted,
  type Journal,
  type Made,
  type StorageInfo,
} from './journal.ts';
import { Link } from './link.ts';
import { Mirror } from './mirror.ts';
import { PackError } from './pack.ts';
import { decodeRecords, encodeRecord, type LogRecord, partsOf, RecordError, recordSize } from './record.ts';
import { NoRoom, RoomWatch, type StorageRoom } from './room.ts';
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

/** Tidying up takes a core for a second where there is much: it waits until no call has come for so many ms. */
const QUIET = 300;

/** But not longer than this, in ms. */
const LATEST = 5000;

export interface Thresholds {
  readonly logBytes: number;
  readonly logRecords: number;
  readonly quiet: number;
  readonly latest: number;
}

/** What a database is opened with. */
export interface JournalOptions {
  readonly durability?: Durability;
  /** The id of the database that has to be there, `store-lost` else; absent for whichever is there, or a new one. */
  readonly expected?: string | undefined;
  readonly thresholds?: Partial<Thresholds>;
  /** The share of the quota from which on storage is low, and who is told. */
  readonly warnAt?: number;
  readonly onLow?: (room: StorageRoom) => void;
}

/** The share of the quota from which on storage is low, unless it is said. */
const WARN_AT = 0.8;

/** How often an operation that the connection's end broke off is begun again. */
const RETRIES = 3;

/** The writer in the keys of records that are not one commit, but put in place of some. */
const NOBODY = 0;

/** A commit that is on its way, and the records after the state that it follows from when it was made. */
interface Attempt {
  readonly record: LogRecord | undefined;
  readonly known: number;
}

export class IndexedDbJournal implements Journal {
  onForeignCommit: ((version: number) => void) | undefined;
  onLost: ((error: CuError) => void) | undefined;
  readonly durability: Durability;
  readonly #name: string;
  readonly #link: Link;
  readonly #expected: string | undefined;
  readonly #thresholds: Thresholds;
  readonly #channel: BroadcastChannel | undefined;
  readonly #watch: RoomWatch;
  /** Ends the keys of this journal's records, so that it knows its own. */
  readonly #writer = 1 + Math.floor(Math.random() * 2 ** 52);
  #directory: Directory = emptyDirectory;
  #logRecords = 0;
  #logBytes = 0;
  #tidying: Promise<void> | undefined;
  /** Tidying up that waits for a pause, and when it begins without one. */
  #pending:
    | { readonly due: number; readonly timer: ReturnType<typeof setTimeout>; readonly begin: () => void }
    | undefined;
  /** The commit that the others are about to be told of. */
  #announced: number | undefined;
  #closed = false;

  private constructor(name: string, link: Link, options: JournalOptions) {
    const { durability = 'relaxed', expected, thresholds, warnAt = WARN_AT, onLow = () => {} } = options;
    this.#name = name;
    this.#link = link;
    this.#expected = expected;
    this.durability = durability;
    this.#watch = new RoomWatch(warnAt, onLow);
    this.#thresholds = {
      logBytes: LOG_BYTES,
      logRecords: LOG_RECORDS,
      quiet: QUIET,
      latest: LATEST,
      ...thresholds,
    };
    link.onEnd = (error) => {
      if (!this.#closed) this.onLost?.(error);
      this.#channel?.close();
      this.#closed = true;
    };
    if (typeof BroadcastChannel !== 'undefined') {
      this.#channel = new BroadcastChannel(idb.storedName(name));
      this.#channel.onmessage = ({ data }) => {
        if (Number.isSafeInteger(data)) this.onForeignCommit?.(data);
      };
    }
  }

  static async open(name: string, options: JournalOptions = {}): Promise<IndexedDbJournal> {
    return new IndexedDbJournal(name, await Link.open(name, options.expected === undefined), options);
  }

  get id(): string | undefined {
    return this.#link.id;
  }

  get reconnecting(): Promise<unknown> | undefined {
    return this.#link.reconnecting;
  }

  load(): Promise<State> {
    return this.#retrying((connection) => this.#load(connection));
  }

  async #load(connection: IDBDatabase): Promise<State> {
    const transaction = idb.begin(connection, [idb.META, idb.LOG, idb.SEGMENTS], 'readonly', this.durability);
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
    const id = this.#link.identify(format);
    if (this.#expected !== undefined && id !== this.#expected) throw idb.lost(this.#name);
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

  missed(version: number): Promise<LogRecord[]> {
    return this.#retrying(async (connection) => {
      const transaction = idb.begin(connection, [idb.LOG], 'readonly', this.durability);
      const [stored] = await Promise.all([
        idb.result(transaction.objectStore(idb.LOG).getAll(after(version))),
        idb.completion(transaction),
      ]);
      this.#logRecords += stored.length;
      return decode(stored);
    });
  }

  async append(version: number, durability: Durability, ahead: Ahead | undefined, work: Made): Promise<void> {
    let made: Attempt | undefined;
    let goesAhead = ahead !== undefined;
    const make = (stored: unknown[]) => {
      const record = work(decode(stored));
      this.#logRecords += stored.length;
      made = { record, known: stored.length };
      return record;
    };
    const makeAhead = () => {
      if (!goesAhead) return undefined;
      goesAhead = false;
      const record = ahead!();
      if (record !== undefined) made = { record, known: 0 };
      return record;
    };
    const attempt = () =>
      this.#retrying(async (connection, cause) => {
        const transaction = idb.begin(connection, [idb.LOG], 'readwrite', durability);
        if (made === undefined) await this.#append(transaction, version, makeAhead, make);
        else if (made.record !== undefined) await this.#appendAgain(transaction, version, made, cause);
      });
    await attempt().catch(async (error) => {
      if (!(error instanceof NoRoom)) throw error;
      await this.#watch.checkAgain(error.bytes);
      await attempt();
    });
    const record = made?.record;
    if (record !== undefined) this.#announce(record.version);
  }

  /**
   * Appends what is made of the records after a version. What can be made ahead is put behind the question for them, whose answer
   * then tells only whether it may stay: a commit is one way there and back less.
   */
  async #append(
    transaction: IDBTransaction,
    version: number,
    makeAhead: Ahead,
    make: (stored: unknown[]) => LogRecord | undefined,
  ): Promise<void> {
    const log = transaction.objectStore(idb.LOG);
    let ready: LogRecord | undefined;
    const request = log.getAll(after(version));
    const goOn = (stored: unknown[]) => {
      const record = make(stored);
      if (record === ready) return;
      if (ready !== undefined) this.#takeBack(log, ready);
      if (record !== undefined) this.#put(log, record);
    };
    await this.#completion(transaction, request, goOn, () => {
      ready = makeAhead();
      if (ready !== undefined) this.#put(log, ready);
    });
  }

  /** Appends what was made for the same records before, unless it is there already. */
  async #appendAgain(
    transaction: IDBTransaction,
    version: number,
    { record, known }: Attempt,
    cause: unknown,
  ): Promise<void> {
    const log = transaction.objectStore(idb.LOG);
    const request = log.getAllKeys(after(version));
    await this.#completion(transaction, request, (found) => {
      const keys = found as unknown as [number, number, number?][];
      if (keys.some(([version, , writer]) => version === record!.version && writer === this.#writer)) return;
      if (keys.some(([version, , writer]) => version >= record!.version && writer === NOBODY))
        throw unknown(cause);
      if (keys.length !== known) throw new Interrupted(cause);
      this.#put(log, record!);
    });
  }

  /**
   * Goes on with a request's result, and does at once what need not wait for it. What either throws ends the transaction, and is
   * what this rejects with.
   */
  async #completion<T>(
    transaction: IDBTransaction,
    request: IDBRequest<T>,
    goOn: (result: T) => void,
    atOnce: () => void = () => {},
  ): Promise<void> {
    let failure: { readonly thrown: unknown } | undefined;
    // An exception in a callback would abort the transaction and end up in the page's console.
    const attempt = (step: () => void) => {
      try {
        step();
      } catch (thrown) {
        failure = { thrown };
        transaction.abort();
      }
    };
    request.onsuccess = () =>
      attempt(() => {
        goOn(request.result);
        transaction.commit();
      });
    attempt(atOnce);
    try {
      await idb.completion(transaction);
    } catch (error) {
      if (failure === undefined) throw error;
      throw failure.thrown instanceof DOMException ? idb.platformError(failure.thrown) : failure.thrown;
    }
  }

  #put(log: IDBObjectStore, record: LogRecord): void {
    const bytes = recordSize(record);
    this.#watch.check(bytes);
    let index = 0;
    for (const part of encodeRecord(record)) log.put(part, [record.version, index++, this.#writer]);
    this.#logRecords += index;
    this.#logBytes += bytes;
    this.#watch.wrote(bytes);
  }

  /** Takes back what was put in this transaction. Another tab's record may have the same version. */
  #takeBack(log: IDBObjectStore, record: LogRecord): void {
    const parts = partsOf(record);
    for (let index = 0; index < parts; index++) log.delete([record.version, index, this.#writer]);
    this.#logRecords -= parts;
    this.#logBytes -= recordSize(record);
  }

  /** Runs something on a connection, and again on another one if that ends meanwhile. */
  async #retrying<T>(work: (connection: IDBDatabase, cause: unknown) => Promise<T>): Promise<T> {
    let broken: IDBDatabase | undefined;
    let cause: unknown;
    for (let attempt = 0; ; attempt++) {
      const connection = await this.#link.get(broken);
      try {
        return await this.#link.run(connection, (connection) => work(connection, cause));
      } catch (error) {
        const canGoOn = error instanceof CuError && idb.mayBeDisconnected(error) && attempt < RETRIES;
        if (!canGoOn) throw error;
        broken = connection;
        cause = error;
      }
    }
  }

  rest(state: State): void {
    const { logBytes, logRecords, quiet, latest } = this.#thresholds;
    if (this.#closed || this.#tidying !== undefined) return;
    const long = this.#logBytes > Math.max(logBytes, state.mirror.bytes / 4);
    if (!long && this.#logRecords <= logRecords) return;
    const now = Date.now();
    const due = this.#pending?.due ?? now + latest;
    clearTimeout(this.#pending?.timer);
    const begin = () => {
      this.#pending = undefined;
      this.#tidyUp(state, long);
    };
    this.#pending = { due, begin, timer: setTimeout(begin, Math.min(quiet, due - now)) };
    if (quiet === 0 || due <= now) this.#beginTidying();
  }

  /** Begins what waits for a pause. */
  #beginTidying(): void {
    clearTimeout(this.#pending?.timer);
    this.#pending?.begin();
  }

  #tidyUp(state: State, long: boolean): void {
    this.#tidying = this.#retrying((connection) => this.#tidy(connection, state, long))
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

  /** Tidies up now if that waits for a pause, and resolves when no tidying is under way. */
  async tidied(): Promise<void> {
    this.#beginTidying();
    while (this.#tidying !== undefined) await this.#tidying;
  }

  async close(): Promise<void> {
    // If it is closed already, its database is gone.
    if (!this.#closed) this.#tellOthers();
    this.#closed = true;
    await this.tidied();
    this.#link.close();
    this.#channel?.close();
  }

  /** Compacts or folds the log up to the state's version. */
  async #tidy(connection: IDBDatabase, state: State, long: boolean): Promise<void> {
    const transaction = idb.begin(connection, [idb.META, idb.LOG], 'readonly', this.durability);
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
    if (records.length === 0) return this.#remeasure(connection);
    if (long) {
      await this.#swap(connection, keys, await compact(directory, records, state.mirror, state.version));
    } else {
      await this.#fold(connection, keys, recentSmall(records), state);
    }
    await this.#remeasure(connection);
  }

  /** Puts segments in place of log and older segments, all or nothing. */
  async #swap(
    connection: IDBDatabase,
    keys: IDBValidKey[],
    { directory, added, removed }: Compaction,
  ): Promise<void> {
    const { version } = directory;
    const transaction = await this.#guarded(connection, keys, version);
    if (transaction === undefined) return;
    const segments = transaction.objectStore(idb.SEGMENTS);
    for (const { id, stored } of added) segments.put(stored, id);
    for (const id of removed) segments.delete(id);
    transaction.objectStore(idb.META).put(directory, DIRECTORY_KEY);
    const log = transaction.objectStore(idb.LOG);
    log.delete(IDBKeyRange.upperBound([version, Infinity]));
    // An empty record holds the place of the newest: by it, tabs that are behind see that they are.
    for (const part of encodeRecord({ first: version + 1, version, runs: [] })) {
      log.put(part, [version, 0, NOBODY]);
    }
    await idb.completion(transaction);
    this.#directory = directory;
  }

  async #fold(
    connection: IDBDatabase,
    keys: IDBValidKey[],
    records: LogRecord[],
    { mirror, version }: State,
  ): Promise<void> {
    const folded = foldRecords(records, mirror, version);
    const transaction = await this.#guarded(connection, keys, version);
    if (transaction === undefined) return;
    const log = transaction.objectStore(idb.LOG);
    log.delete(IDBKeyRange.bound([records[0]!.version, 0], [version, Infinity]));
    let index = 0;
    for (const part of encodeRecord(folded)) log.put(part, [version, index++, NOBODY]);
    await idb.completion(transaction);
  }

  /**
   * A transaction over everything, unless another tab has tidied up since the log was read: its
   * records may hold what ours do not know of.
   */
  async #guarded(
    connection: IDBDatabase,
    keys: IDBValidKey[],
    version: number,
  ): Promise<IDBTransaction | undefined> {
    const transaction = idb.begin(
      connection,
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

  async #remeasure(connection: IDBDatabase): Promise<void> {
    const transaction = idb.begin(connection, [idb.LOG], 'readonly', this.durability);
    this.#measure(await idb.result(transaction.objectStore(idb.LOG).getAll()));
  }

  #measure(log: readonly unknown[]): void {
    this.#logRecords = log.length;
    this.#logBytes = log.reduce<number>((size, part) => size + (part as Uint8Array).length, 0);
  }

  /** Tells the others, after the caller: it takes a message as long as a part of a commit. */
  #announce(version: number): void {
    if (this.#announced === undefined) {
      setTimeout(() => {
        if (!this.#closed) this.#tellOthers();
      });
    }
    this.#announced = version;
  }

  #tellOthers(): void {
    if (this.#announced !== undefined) this.#channel?.postMessage(this.#announced);
    this.#announced = undefined;
  }
}

/** The error for a commit that others have made a part of a larger record, or have not. */
function unknown(cause: unknown): CuError {
  return new CuError(
    'store-io',
    'The connection to IndexedDB ended during the commit, and what was written may be there or not; read it before you write it again.',
    { cause },
  );
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
