/** A state that is ahead of the database's by commits which nobody else sees. */
import { CuError } from '../errors.ts';
import type { Entries } from '../store/entries.ts';
import { Session } from '../store/imports.ts';
import { Reads } from '../store/reads.ts';
import type { State } from '../store/state.ts';

export class Fork extends Session {
  readonly base: State;
  override readonly reads: Reads;
  /** In the order in which they were made, which is that of the map. */
  readonly #savepoints = new Map<number, State>();
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

  savepoint(id: number): void {
    this.#savepoints.set(id, this.state);
  }

  /** Forgets a savepoint and those that were made after it. */
  release(id: number): void {
    if (!this.#savepoints.has(id)) {
      throw new CuError('invalid-argument', 'The savepoint is not one of this transaction, or no longer.', {
        place: 'savepoint',
      });
    }
    for (const other of [...this.#savepoints.keys()].reverse()) {
      this.#savepoints.delete(other);
      if (other === id) return;
    }
  }

  goBack(id: number): void {
    const state = this.#savepoints.get(id);
    this.release(id);
    const { mirror, version } = state!;
    this.#savepoints.set(id, state!);
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
