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
import type { Engine } from './engine/engine.ts';
import { CuError } from './errors.ts';
import { rawExports } from './raw.ts';
import type { Entries } from './store/entries.ts';
import { type PrintHandler, Session } from './store/imports.ts';
import type { Durability } from './store/journal.ts';
import { MemoryJournal } from './store/memory.ts';
import { Reads } from './store/reads.ts';
import type { State } from './store/state.ts';
import { Transactor } from './store/transactor.ts';

/** A state of a transaction that it can go back to. */
export interface Savepoint {
  /** @internal */
  readonly state: State;
}

/** A state that is ahead of the database's by commits which nobody else sees. */
class Fork extends Session {
  readonly base: State;
  override readonly reads: Reads;
  #savepoints: Savepoint[] = [];
  #commits: { readonly version: number; readonly runs: readonly Entries[] }[] = [];

  constructor(base: State) {
    super(base);
    this.base = base;
    this.reads = new Reads(base.mirror);
  }

  /** All calls share the number of the transaction's commit, which is the next one only if nobody else commits. */
  override get reserved(): number {
    return this.base.version + 1;
  }

  override commit(runs: readonly Entries[]): number {
    const version = super.commit(runs);
    // A call that failed after its commit has left one of this number.
    this.#forget(version);
    this.#commits.push({ version, runs });
    return version;
  }

  savepoint(): Savepoint {
    const savepoint = { state: this.state };
    this.#savepoints.push(savepoint);
    return savepoint;
  }

  /** Forgets a savepoint and those that were made after it. */
  release(savepoint: Savepoint): void {
    const index = this.#savepoints.indexOf(savepoint);
    if (index < 0) {
      throw new CuError('invalid-argument', 'The savepoint is not one of this transaction, or no longer.', {
        place: 'savepoint',
      });
    }
    this.#savepoints.length = index;
  }

  goBack(savepoint: Savepoint): void {
    this.release(savepoint);
    this.#savepoints.push(savepoint);
    const { mirror, version } = savepoint.state;
    this.#forget(version + 1);
    // The number is a new one: an instance may remember what it saw under the one before.
    this.state = { mirror, version: this.next };
  }

  /** Makes the commits in another session, as one. */
  join(session: Session): void {
    this.#forget(this.next);
    if (this.#commits.length === 0) return;
    const { state } = session;
    const isBehind = state.version !== this.base.version;
    // Writes that have the commit's number in them hold only if nobody else has taken it.
    if (isBehind && (this.hasReserved || !this.reads.holdIn(state.mirror))) {
      throw new CuError(
        'store-conflict',
        'Since the transaction began, something that it has read was changed; run it again.',
      );
    }
    const runs = this.#commits.flatMap(({ runs }) => runs);
    session.commit(runs, state.mirror === this.base.mirror ? this.state.mirror : undefined);
  }

  /** Commits that were undone, from a number on. */
  #forget(version: number): void {
    while ((this.#commits.at(-1)?.version ?? 0) >= version) this.#commits.pop();
  }
}

/**
 * A transaction. It has the calls of a database, which see what those before them wrote, and nothing that others
 * commit meanwhile. A call that fails has changed nothing and leaves the transaction as it was.
 */
export class Transaction extends Calls {
  readonly #fork: Fork;
  readonly #transactor: Transactor<Engine>;
  readonly #database: Transactor<Engine>;
  readonly #durability: Durability | undefined;
  #ended = false;

  /** @internal */
  constructor(
    database: Transactor<Engine>,
    base: State,
    make: (session: Session) => Engine,
    print: PrintHandler,
    once: boolean,
    { durability }: TransactionOptions,
  ) {
    const fork = new Fork(base);
    const transactor = new Transactor(new MemoryJournal(), fork, make, print);
    super(rawExports(transactor, undefined, once), rawExports(transactor, 'read'));
    this.#fork = fork;
    this.#transactor = transactor;
    this.#database = database;
    this.#durability = durability;
  }

  /** A place to go back to, after the calls that were made before. */
  async savepoint(): Promise<Savepoint> {
    return this.#transactor.submit('read', () => this.#fork.savepoint());
  }

  /** Undoes what was written since a savepoint. It stays, and those that were made after it are gone. */
  async rollbackTo(savepoint: Savepoint): Promise<void> {
    await this.#transactor.submit('write', () => this.#fork.goBack(savepoint));
  }

  /** Forgets a savepoint, and those that were made after it. What was written since stays. */
  async release(savepoint: Savepoint): Promise<void> {
    await this.#transactor.submit('read', () => this.#fork.release(savepoint));
  }

  /**
   * Commits what the calls wrote, as one, after those that were made before. Rejects with `store-conflict` if
   * something that was read is no longer so; nothing was written then. It ends the transaction in any case.
   */
  async commit(): Promise<void> {
    await this.#end();
    await this.#database.submit('write', (_, session) => this.#fork.join(session), this.#durability);
  }

  /** Ends the transaction, with nothing written. Nothing happens to one that has ended. */
  async rollback(): Promise<void> {
    if (!this.#ended) await this.#end();
  }

  protected override async together<T>(work: (calls: Calls) => Promise<T>): Promise<T> {
    const savepoint = await this.savepoint();
    try {
      return await work(this);
    } catch (error) {
      if (!this.#ended) await this.rollbackTo(savepoint);
      throw error;
    } finally {
      if (!this.#ended) await this.release(savepoint);
    }
  }

  async #end(): Promise<void> {
    const error = new CuError('store-closed', 'The transaction has ended; begin another one.');
    if (this.#ended) throw error;
    this.#ended = true;
    await this.#transactor.close(error);
  }
}
