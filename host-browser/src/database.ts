/// <reference lib="esnext.disposable" preserve="true" />
/** A database: its calls, and its life. */
import { KEPT, removeFile } from '#file';
import type { ArchiveOptions } from './archive.ts';
import { Calls, type RetryOptions, type TransactionOptions } from './calls.ts';
import { decode } from './cbor/decode.ts';
import { encode } from './cbor/encode.ts';
import type { Value } from './cbor/values.ts';
import type {
  ChangePage,
  ChangeRequest,
  FeedChange,
  FeedInfo,
  FeedSettings,
  Position,
  SubscribeOptions,
  TableChange,
} from './changes.ts';
import { queryBytes } from './component.ts';
import type { Connection } from './connection/connection.ts';
import { openRemote } from './connection/remote.ts';
import { startWorker } from './connection/start.ts';
import { loadMain } from './engine/main.ts';
import { CuError } from './errors.ts';
import { interruptible } from './interruptible.ts';
import { Live, type LiveOptions } from './live.ts';
import {
  checkDurability,
  checkName,
  checkOptions,
  type OpenOptions,
  type SignalOptions,
  whole,
} from './options.ts';
import { printer } from './print.ts';
import type { Given } from './query/paths.ts';
import type {
  Aggregates,
  Columns,
  DistinctQuery,
  DocumentQuery,
  Grouped,
  GroupQuery,
  Keyed,
  Projected,
  ProjectionQuery,
  Query,
} from './query/queries.ts';
import type { AnySchema, Declared, Document, KeyOf, TableName } from './schema.ts';
import * as idb from './store/idb.ts';
import type { StorageInfo } from './store/journal.ts';
import { readNote, removeNote, writeNote } from './store/note.ts';
import { Transaction } from './transaction.ts';

/** How often work is begun at the most, unless it says otherwise. */
const ATTEMPTS = 10;

/**
 * Opens a database and makes it if there is none.
 *
 * ```ts
 * const db = await open('places');
 * await db.put('cities', 2643743, { name: 'London', population: 8961989 });
 * const [greeting] = await db.eval('return "Hello " .. _home.cities[2643743].name');
 * ```
 *
 * Rejects with `invalid-argument`, `store-unavailable` (no IndexedDB for this page),
 * `store-lost` (it was there, and is not any more), `unsupported-format` (something else's database, or a newer one),
 * `store-corrupt`, `worker-unavailable` or `unsupported-engine`.
 */
export async function open<Schema = AnySchema>(
  name: string,
  options: OpenOptions = {},
): Promise<Database<Schema>> {
  checkName(name);
  checkOptions(options);
  const connection = await connect(name, options);
  if (connection.id !== undefined) writeNote(name, connection.id);
  return new Database<Schema>(name, connection);
}

function connect(name: string, options: OpenOptions): Promise<Connection> {
  const { storage = KEPT, durability = 'relaxed', directory, whenLost = 'refuse', warnAt } = options;
  const { functions, module, onStorageWarning: warn = () => {} } = options;
  const expected = KEPT === 'indexeddb' && whenLost === 'refuse' ? readNote(name) : undefined;
  const store = { storage, durability, directory, expected, warnAt };
  const main = () => loadMain(module);
  const listeners = { print: printer(options.onPrint), warn };
  const start = startWorker(options);
  if (start !== undefined) return openRemote({ name, store, main, start, listeners });
  const local = import('./connection/local.ts');
  const code = main();
  code.catch(() => {});
  return local.then(({ openLocal }) => openLocal(name, store, code, functions, listeners));
}

/**
 * An open database. Every method is one transaction that takes place completely or not at all;
 * its promise resolves when what it wrote is durable, and rejects with a `CuError`. Calls run in
 * the order in which they were made.
 */
export class Database<Schema = AnySchema> extends Calls<Schema> {
  readonly name: string;
  readonly #connection: Connection;

  /** @internal */
  constructor(name: string, connection: Connection) {
    super(connection);
    this.name = name;
    this.#connection = connection;
  }

  /**
   * Begins a transaction on the state after the calls that were made before. Calls of the database go on
   * meanwhile. Mostly `transaction` is what is wanted.
   */
  async begin(options: TransactionOptions = {}): Promise<Transaction<Schema>> {
    checkDurability(options.durability);
    this.on(options);
    return new Transaction<Schema>(await this.#connection.begin(options.durability), options);
  }

  /**
   * Runs work as a transaction: commits when it is through, and rolls back if it rejects. If something that it has
   * read was changed by others meanwhile, nothing of it is kept, and it is run again, on the newest state. After some
   * attempts this rejects with `store-conflict`. So what the work does besides must be right to do more than once.
   *
   * ```ts
   * const left = await db.transaction(async (tx) => {
   *   const account = await tx.get<Account>('accounts', 'ada');
   *   if (account.balance < 10) throw new Error('not enough');
   *   await tx.put('accounts', 'ada', { ...account, balance: account.balance - 10 });
   *   return account.balance - 10;
   * });
   * ```
   */
  async transaction<T>(
    work: (tx: Transaction<Schema>) => T | Promise<T>,
    options: RetryOptions = {},
  ): Promise<T> {
    const attempts = Number(whole(options.attempts ?? ATTEMPTS, 'attempts', 1n));
    for (let attempt = 1; ; attempt++) {
      const tx = await this.begin(options);
      let result: T;
      try {
        result = await work(tx);
      } catch (error) {
        await tx.rollback();
        throw error;
      }
      try {
        await tx.commit();
        return result;
      } catch (error) {
        if (!(error instanceof CuError) || error.code !== 'store-conflict' || attempt === attempts)
          throw error;
      }
    }
  }

  /**
   * The calls of this database, with commits of another durability, or with a signal for all of them.
   *
   * ```ts
   * await db.with({ durability: 'strict' }).put('orders', id, order); // on disk now
   * ```
   */
  with(options: TransactionOptions): Calls<Schema> {
    checkDurability(options.durability);
    return new View(this, this.#connection, options);
  }

  protected override together<T>(work: (calls: Calls) => Promise<T>, options: RetryOptions): Promise<T> {
    return this.transaction(work as (tx: Transaction<Schema>) => Promise<T>, options);
  }

  /**
   * The result of a query, kept up to date: the one of now, and another whenever a commit, also in another tab, has
   * made it another one.
   *
   * ```ts
   * for await (const rows of db.live<User>({ table: 'users', sort: ['name'] })) show(rows);
   * const stop = db.live({ table: 'users' }).onChange(show);
   * ```
   */
  live<T = Declared, Name extends TableName<Schema> = TableName<Schema>>(
    query: DocumentQuery<Given<Document<Schema, Name, T, unknown>>, Name>,
    options?: LiveOptions,
  ): Live<Keyed<Document<Schema, Name, T>, KeyOf<Schema, Given<Name>>>>;
  live<
    T = Declared,
    Name extends TableName<Schema> = TableName<Schema>,
    const Selects extends Columns<Document<Schema, Name, T, unknown>> = Columns<
      Document<Schema, Name, T, unknown>
    >,
  >(
    query: ProjectionQuery<Given<Document<Schema, Name, T, unknown>>, Name, Selects>,
    options?: LiveOptions,
  ): Live<Keyed<Projected<Document<Schema, Name, T>, Selects>, KeyOf<Schema, Given<Name>>>>;
  live<
    T = Declared,
    Name extends TableName<Schema> = TableName<Schema>,
    const Selects extends Columns<Document<Schema, Name, T, unknown>> = Columns<
      Document<Schema, Name, T, unknown>
    >,
  >(
    query: DistinctQuery<Given<Document<Schema, Name, T, unknown>>, Name, Selects>,
    options?: LiveOptions,
  ): Live<Projected<Document<Schema, Name, T>, Selects>>;
  live<
    T = Declared,
    Name extends TableName<Schema> = TableName<Schema>,
    const Groups extends Columns<Document<Schema, Name, T, unknown>> = Columns<
      Document<Schema, Name, T, unknown>
    >,
    const Tells extends Aggregates<Document<Schema, Name, T, unknown>> = Aggregates<
      Document<Schema, Name, T, unknown>
    >,
  >(
    query: GroupQuery<Given<Document<Schema, Name, T, unknown>>, Name, Groups, Tells>,
    options?: LiveOptions,
  ): Live<Grouped<Document<Schema, Name, T>, Groups, Tells>>;
  live<T = Declared, Name extends TableName<Schema> = TableName<Schema>>(
    query: Query<Given<Document<Schema, Name, T, unknown>>, Name>,
    options?: LiveOptions,
  ): Live<unknown>;
  live(query: object, options?: LiveOptions): Live<unknown> {
    const bytes = queryBytes(query);
    const connection = this.#connection;
    return new Live(async function* (signal) {
      for await (const rows of connection.live(bytes, signal)) yield decode(rows) as unknown[];
    }, options);
  }

  /**
   * Switches the change feed on, or changes its settings, all of them. It is off at first, and costs each write
   * about as much as an index does.
   */
  async configureFeed(
    settings: FeedSettings<TableName<Schema>> = {},
    options?: SignalOptions,
  ): Promise<void> {
    await this.on(options).changes.configure(encode(settings as Value, 'settings'));
  }

  /** Switches the change feed off, and deletes what it has. */
  async dropFeed(options?: SignalOptions): Promise<void> {
    await this.on(options).changes.configure(undefined);
  }

  /** What the change feed keeps, and how far it goes. Rejects with `out-of-date` if it is off. */
  async feed(options?: SignalOptions): Promise<FeedInfo> {
    const { settings, newest, oldest, next } = await this.#readFeed<FeedInfo>({}, options);
    return { settings, newest, oldest, next };
  }

  /**
   * A page of the changes behind a place. Rejects with `out-of-date` if the feed is off or does not have them all
   * any more: read the documents anew then, and go on from the `next` of a `feed` that came before.
   */
  async changes<T = Declared, Name extends TableName<Schema> = TableName<Schema>>(
    request: ChangeRequest<Given<Document<Schema, Name, T, unknown>>, Name> & { after: Position },
    options?: SignalOptions,
  ): Promise<ChangePage<Document<Schema, Name, T>, TableChange<Schema, Name, T>>>;
  async changes(request: object, options?: SignalOptions): Promise<unknown> {
    return this.#readFeed<ChangePage>({ ...request, cursors: true }, options);
  }

  /**
   * The changes behind a place, by default from now on, as they are committed: by this page, by Lua code and by
   * other tabs. Each comes once, in the order of the commits; the `cursor` of one is where to go on later, also
   * after a reload. Ends with the same errors as `changes`.
   *
   * ```ts
   * for await (const { table, key, before, after } of db.subscribe({ tables: ['orders'] })) …
   * ```
   */
  subscribe<T = Declared, Name extends TableName<Schema> = TableName<Schema>>(
    options?: SubscribeOptions<Given<Document<Schema, Name, T, unknown>>, Name>,
  ): AsyncIterableIterator<TableChange<Schema, Name, T>, void, void>;
  subscribe(options: object = {}): AsyncIterableIterator<unknown, void, void> {
    const { signal, after, ...request }: SubscribeOptions = options;
    const start = after === undefined ? this.feed().then(({ next }) => next) : Promise.resolve(after);
    // It is told to who asks for the first change.
    start.catch(() => {});
    return interruptible((signal) => this.#follow(start, request, signal), signal);
  }

  async *#follow(
    start: Promise<Position>,
    request: ChangeRequest,
    signal: AbortSignal,
  ): AsyncGenerator<FeedChange, void, void> {
    let after = await start;
    while (!signal.aborted) {
      const page = await this.#readFeed<ChangePage>({ ...request, after, cursors: true });
      yield* page.changes;
      after = page.next;
      if (!page.more) await this.#connection.newer(page.newest, signal);
    }
  }

  async #readFeed<R>(request: object, options?: SignalOptions): Promise<R> {
    return decode(await this.on(options).changes.read(encode(request as Value, 'request'))) as R;
  }

  /**
   * The whole database as one file, as it is after the calls that were made before. Calls that are made
   * meanwhile go on, and do not show.
   *
   * ```ts
   * const file = await db.exportArchive({ onProgress: ({ entries }) => show(entries) });
   * await copy.importArchive(file);
   * ```
   */
  async exportArchive(options: ArchiveOptions = {}): Promise<Blob> {
    return this.#connection.exportArchive(options);
  }

  /**
   * Fills a database that holds nothing with what an archive has, from this package or from the
   * command `cu backup`. Until it is through, other calls reject with `incomplete`, in every tab, and so they do
   * after the page was closed in the midst of it: importing again begins anew. If it rejects, the
   * database holds nothing.
   *
   * Rejects with `already-exists` if the database holds something, `unsupported-format` for a file that
   * is no archive or a newer one, `corrupt` for a damaged one, `archive-io`, and `cancelled`.
   */
  async importArchive(archive: Blob, options: ArchiveOptions = {}): Promise<void> {
    if (!(archive instanceof Blob)) {
      throw new CuError('invalid-argument', 'archive must be a Blob, such as a File.', { place: 'archive' });
    }
    await this.#connection.importArchive(archive, options);
  }

  /**
   * What the storage holds, and how; and how much room the browser gives this site.
   *
   * ```ts
   * const { room } = await db.storage();
   * if (room !== undefined) show(room.usage / room.quota);
   * ```
   */
  async storage(): Promise<StorageInfo> {
    return this.#connection.storage();
  }

  /**
   * Asks the browser not to delete what this site stores when it needs room; true if it will not. Some browsers ask
   * the user, others decide by how the site is used. It is asked for in a page: a worker can only tell whether it was granted.
   */
  async persist(): Promise<boolean> {
    const storage = globalThis.navigator?.storage as StorageManager | undefined;
    return (await (storage?.persist?.() ?? storage?.persisted?.())) ?? false;
  }

  /** Closes the database after the calls that were made before. Later calls are `store-closed`. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** Closes the database at the end of a block: `await using db = await open('places')`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Deletes a database from IndexedDB, if there is one. Open databases of the name are closed first,
   * in other tabs too; their later calls reject with `store-lost`. In Node it deletes the file, which must not be open.
   */
  static async deleteDatabase(name: string, options: { readonly directory?: string } = {}): Promise<void> {
    checkName(name);
    if (KEPT === 'file') return removeFile(name, options.directory);
    removeNote(name);
    await idb.remove(name);
  }
}

/** A database whose commits have a durability of their own. */
class View<Schema> extends Calls<Schema> {
  readonly #database: Database<Schema>;
  readonly #options: TransactionOptions;

  constructor(database: Database<Schema>, connection: Connection, options: TransactionOptions) {
    super(connection, options);
    this.#database = database;
    this.#options = options;
  }

  protected override together<T>(work: (calls: Calls) => Promise<T>, options: RetryOptions): Promise<T> {
    return this.#database.transaction(work as (tx: Transaction<Schema>) => Promise<T>, {
      ...this.#options,
      ...options,
    });
  }
}
