/**
 * The connection to one database in IndexedDB. When the browser ends it, another one takes its place, as long as it
 * leads to the same database.
 */
import { CuError } from '../errors.ts';
import * as idb from './idb.ts';

/** How often a connection that the browser ends at once is asked for. */
const RETRIES = 3;

export class Link {
  /** Calls back once when no connection will lead to the database any more. */
  onEnd: ((error: CuError) => void) | undefined;
  readonly #name: string;
  /** That of the database, once it is known. */
  #id: string | undefined;
  #connection: IDBDatabase | undefined;
  #reconnecting: Promise<IDBDatabase> | undefined;
  #ended: CuError | undefined;
  /** What runs on which connection, by what makes it reject. */
  readonly #running = new Map<(error: CuError) => void, IDBDatabase>();

  private constructor(name: string, connection: IDBDatabase) {
    this.#name = name;
    this.#connection = connection;
    this.#watch(connection);
  }

  /** Rejects with `store-lost` if there is no database and none may be made. */
  static async open(name: string, mayMake: boolean): Promise<Link> {
    return new Link(name, await idb.connect(name, mayMake));
  }

  get id(): string | undefined {
    return this.#id;
  }

  /** From now on, a database with another id is another one. */
  identify(format: idb.Format | undefined): string {
    this.#id = idb.checkFormat(this.#name, format);
    return this.#id;
  }

  /** Whether there is no connection at the moment and there may be one again: until then nothing is certain. */
  get reconnecting(): Promise<unknown> | undefined {
    return this.#reconnecting?.catch(() => {});
  }

  /** A connection, and another one than `broken`. */
  async get(broken?: IDBDatabase): Promise<IDBDatabase> {
    if (this.#ended !== undefined) throw this.#ended;
    if (broken !== undefined && broken === this.#connection) this.#drop(broken);
    return this.#connection ?? this.#reconnect();
  }

  /**
   * Runs something on a connection, and rejects once that has ended: of a transaction that is begun while the browser
   * closes the connection, Chromium may never tell the end.
   */
  async run<T>(connection: IDBDatabase, work: (connection: IDBDatabase) => Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    this.#running.set(reject, connection);
    try {
      return await Promise.race([work(connection), promise]);
    } finally {
      this.#running.delete(reject);
    }
  }

  /** Ends the connection. Those in flight complete first: IndexedDB waits for them. */
  close(): void {
    this.#ended ??= new CuError('store-closed', 'The database was closed; open it again.');
    this.#connection?.close();
  }

  /** Listens before it is used: who wants to delete the database waits for every connection. */
  #watch(connection: IDBDatabase): void {
    const again = () => {
      this.#drop(connection);
      // What follows waits for the deletion, and finds out.
      if (this.#ended === undefined && this.#connection === undefined) this.#reconnect().catch(() => {});
    };
    connection.onversionchange = again;
    connection.onclose = () => {
      const cause = new DOMException('The browser has closed the connection.', 'AbortError');
      this.#giveUp(idb.platformError(cause), connection);
      again();
    };
  }

  #drop(connection: IDBDatabase): void {
    connection.close();
    if (this.#connection === connection) this.#connection = undefined;
  }

  #reconnect(): Promise<IDBDatabase> {
    this.#reconnecting ??= this.#connect().finally(() => {
      this.#reconnecting = undefined;
    });
    return this.#reconnecting;
  }

  async #connect(): Promise<IDBDatabase> {
    for (let attempt = 1; ; attempt++) {
      let connection: IDBDatabase | undefined;
      try {
        connection = await idb.connect(this.#name, false);
        this.#watch(connection);
        await this.run(connection, (connection) => this.#check(connection));
        if (this.#ended !== undefined) throw this.#ended;
        this.#connection = connection;
        return connection;
      } catch (thrown) {
        connection?.close();
        const error = idb.platformError(thrown);
        if (idb.mayBeDisconnected(error) && attempt < RETRIES) continue;
        this.#endWith(error);
        throw error;
      }
    }
  }

  async #check(connection: IDBDatabase): Promise<void> {
    const transaction = idb.begin(connection, [idb.META], 'readonly', 'relaxed');
    const [format] = await Promise.all([
      idb.result(transaction.objectStore(idb.META).get(idb.FORMAT_KEY)),
      idb.completion(transaction),
    ]);
    const id = idb.checkFormat(this.#name, format);
    if (this.#id !== undefined && id !== this.#id) throw idb.lost(this.#name);
  }

  /** Other errors may pass: whoever needs a connection next tries again. */
  #endWith(error: CuError): void {
    if (this.#ended !== undefined || !['store-lost', 'unsupported-format'].includes(error.code)) return;
    this.#ended = error;
    this.onEnd?.(error);
    this.#giveUp(error);
  }

  /** Lets what runs on a connection, or on any, reject. */
  #giveUp(error: CuError, connection?: IDBDatabase): void {
    for (const [reject, used] of this.#running) {
      if (connection === undefined || used === connection) reject(error);
    }
  }
}
