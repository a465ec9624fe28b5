/**
 * The results of a live query.
 *
 * It runs on an instance of its own that notes what it reads. A later commit, from whichever tab, is of no
 * concern to it as long as all of that is as it was; only then the query runs again.
 */
import { compareBytes } from '../bytes.ts';
import type { Engine } from '../engine/engine.ts';
import { componentFailure, errorOf, trapError } from '../errors.ts';
import { Session } from '../store/imports.ts';
import { Reads } from '../store/reads.ts';
import { emptyState } from '../store/state.ts';
import type { Transactor } from '../store/transactor.ts';

/** An empty array: a table that is not there yet has no documents. */
const NO_ROWS = Uint8Array.of(0x80);

/** The different results of a query, from now on until the signal. */
export async function* results(
  transactor: Transactor<Engine>,
  make: (session: Session) => Engine,
  query: Uint8Array,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const session = new Session(emptyState);
  const engine = make(session);
  let last: Uint8Array | undefined;
  let state = await transactor.state();
  while (!signal.aborted) {
    const reads = new Reads(state.mirror);
    session.state = state;
    session.reads = reads;
    const rows = run(engine, query);
    if (last === undefined || compareBytes(last, rows) !== 0) {
      // Who takes the rows may hand them over to another thread.
      last = rows.slice();
      yield rows;
    }
    do state = await transactor.newer(state.version, signal);
    while (reads.holdIn(state.mirror));
  }
}

function run(engine: Engine, query: Uint8Array): Uint8Array {
  try {
    return engine.queries.run(query);
  } catch (thrown) {
    const failure = componentFailure(thrown);
    if (failure?.code === 'unknown-table') return NO_ROWS.slice();
    throw failure === undefined ? trapError(thrown) : errorOf(failure);
  }
}
