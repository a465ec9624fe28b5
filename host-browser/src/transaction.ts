/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Interactive transactions: any number of calls, with whatever the page does between them, that take place together
 * or not at all.
 *
 * IndexedDB ends a transaction as soon as nothing is asked of it; so none is held open. The calls run on a state of
 * their own, with an instance of their own, and what they read is noted. The commit is one call in the database's
 * turn, inside of the read-write transaction that all tabs share: it takes place if the newest state would have
 * answered all that was read in the same way. So transactions are serializable, in the order of their commits.
 */
import { Calls, type TransactionOptions } from './calls.ts';
import type { TransactionConnection } from './connection/connection.ts';
import { CuError } from './errors.ts';
import type { AnySchema } from './schema.ts';

/** A state of a transaction that it can go back to. */
export interface Savepoint {
  /** @internal */
  readonly id: number;
}

let savepoints = 0;

/**
 * A transaction. It has the calls of a database, which see what those before them wrote, and nothing that others
 * commit meanwhile. A call that fails has changed nothing and leaves the transaction as it was.
 *
 * ```ts
 * await using tx = await db.begin(); // rolled back at the end of the block, unless it was committed
 * await tx.put('users', 'ada', { name: 'Ada' });
 * await tx.commit();
 * ```
 */
export class Transaction<Schema = AnySchema> extends Calls<Schema> {
  readonly #connection: TransactionConnection;
  readonly #signal: AbortSignal | undefined;
  #ended = false;

  /** @internal */
  constructor(connection: TransactionConnection, { signal }: TransactionOptions) {
    super(connection, { signal });
    this.#connection = connection;
    this.#signal = signal;
  }

  /** A place to go back to, after the calls that were made before. */
  async savepoint(): Promise<Savepoint> {
    const id = savepoints++;
    await this.#connection.savepoint(id);
    return { id };
  }

  /** Undoes what was written since a savepoint. It stays, and those that were made after it are gone. */
  async rollbackTo(savepoint: Savepoint): Promise<void> {
    await this.#connection.rollbackTo(savepoint.id);
  }

  /** Forgets a savepoint, and those that were made after it. What was written since stays. */
  async release(savepoint: Savepoint): Promise<void> {
    await this.#connection.release(savepoint.id);
  }

  /**
   * Commits what the calls wrote, as one, after those that were made before. Rejects with `store-conflict` if
   * something that was read is no longer so; nothing was written then. It ends the transaction in any case.
   */
  async commit(): Promise<void> {
    if (this.#ended) throw new CuError('store-closed', 'The transaction has ended; begin another one.');
    this.#ended = true;
    await this.#connection.commit(this.#signal);
  }

  /** Ends the transaction, with nothing written. Nothing happens to one that has ended. */
  async rollback(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#connection.rollback();
  }

  /** Rolls back what has not ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.rollback();
  }

  protected override async together<T>(work: (calls: Calls) => Promise<T>): Promise<T> {
    const savepoint = await this.savepoint();
    try {
      return await work(this as unknown as Calls);
    } catch (error) {
      if (!this.#ended) await this.rollbackTo(savepoint);
      throw error;
    } finally {
      if (!this.#ended) await this.release(savepoint);
    }
  }
}
