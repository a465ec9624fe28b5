/** Live queries: results that are kept up to date. */
import { interruptible } from './interruptible.ts';

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
