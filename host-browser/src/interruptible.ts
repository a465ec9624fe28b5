/** Iterators that wait for what may never come, and can be left at any time. */

/**
 * What a generator gives, until it ends, the signal is raised, or it is left. The generator has a signal that tells
 * it of both; what it throws after that is nobody's concern.
 */
export function interruptible<R>(
  start: (signal: AbortSignal) => AsyncGenerator<R, void, void>,
  signal?: AbortSignal,
): AsyncIterableIterator<R, void, void> {
  const own = new AbortController();
  const either = signal === undefined ? own.signal : AbortSignal.any([own.signal, signal]);
  const guarded = (async function* () {
    try {
      yield* start(either);
    } catch (error) {
      if (!either.aborted) throw error;
    }
  })();
  return {
    next: () => guarded.next(),
    return: () => {
      // It may be waiting for a commit that never comes.
      own.abort();
      return guarded.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
