/**
 * Live queries: results that are kept up to date.
 *
 * A query runs on an instance of its own that notes what it reads. A later commit, from whichever tab, is of no
 * concern to it as long as all of that is as it was; only then the query runs again.
 */
import { compareBytes } from './bytes.ts';
import { decode } from './cbor/decode.ts';
import type { Engine } from './engine/engine.ts';
import { componentFailure, errorOf, trapError } from './errors.ts';
import { interruptible } from './interruptible.ts';
import { Session } from './store/imports.ts';
import { Reads } from './store/reads.ts';
import { emptyState } from './store/state.ts';
import type { Transactor } from './store/transactor.ts';

/** An empty array: a table that is not there yet has no documents. */
const NO_ROWS = Uint8Array.of(0x80);

export interface LiveOptions {
  /** Ends the query when it is raised. */
  readonly signal?: AbortSignal;
}

/**
 * The results of a query, one after the other: the one of now, and another whenever it has become another one.
 * Who is slow misses those in between, and never the last. A table that is not there has no rows. It ends with an
 * error if the database is closed.
 */
export class Live<R> implements AsyncIterable<R[]> {
  readonly #start: (signal: AbortSignal) => AsyncGenerator<R[], void, void>;
  readonly #signal: AbortSignal | undefined;

  /** @internal */
  constructor(start: (signal: AbortSignal) => AsyncGenerator<R[], void, void>, { signal }: LiveOptions = {}) {
    this.#start = start;
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<R[], void, void> {
    return interruptible(this.#start, this.#signal);
  }

  /**
   * Calls the listener with each result, from the one of now on, and gives a function that ends it. What goes wrong
   * is told to `onError`; without it, it is a rejection that nobody handles.
   */
  onChange(listener: (rows: R[]) => void, onError?: (error: unknown) => void): () => void {
    const iterator = this[Symbol.asyncIterator]();
    let ended = false;
    const run = async () => {
      for (;;) {
        const { value, done } = await iterator.next();
        if (done === true || ended) return;
        listener(value);
      }
    };
    run().catch((error: unknown) => {
      if (ended) return;
      if (onError === undefined) throw error;
      onError(error);
    });
    return () => {
      ended = true;
      void iterator.return?.();
    };
  }
}

/** The different results of a query, from now on until the signal. */
export async function* results<R>(
  transactor: Transactor<Engine>,
  make: (session: Session) => Engine,
  query: Uint8Array,
  signal: AbortSignal,
): AsyncGenerator<R[], void, void> {
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
      last = rows;
      yield decode(rows) as R[];
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
    if (failure?.tag === 'unknown-table') return NO_ROWS;
    throw failure === undefined ? trapError(thrown) : errorOf(failure);
  }
}
