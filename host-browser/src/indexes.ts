/** Indexes that are built in steps, beside everything else. */
import { type Decoded, decode } from './cbor/decode.ts';
import { CuError } from './errors.ts';
import type { Raw } from './raw.ts';

/** How far an index is. */
export interface IndexProgress {
  /** How many documents have been gone through. */
  readonly done: number;
  /** How many there are, about. */
  readonly total: number;
}

/** With either of them, an index is built in steps; calls that are made meanwhile come in between. */
export interface IndexOptions {
  /** Ends the work, which then rejects with `cancelled` and leaves nothing of the index. */
  readonly signal?: AbortSignal | undefined;
  /** Told after each step of some thousand documents. */
  readonly onProgress?: ((progress: IndexProgress) => void) | undefined;
}

/** What an index holds, in numbers. */
export interface IndexStatistics {
  /** How many entries it has. */
  readonly entries: number;
  /** How many different values; absent for an index of an older version that has no sample to tell from. */
  readonly distinct?: number;
  /** Parts of about as many entries each, in the order of the index; absent for a hash index as well. */
  readonly histogram?: readonly HistogramPart[];
  /** Whether `distinct` and `histogram` were counted; else they are told from a sample. */
  readonly exact: boolean;
}

/** Entries of an index that follow each other. */
export interface HistogramPart {
  /** The values that the last of them has in the fields. */
  readonly upTo: readonly Decoded[];
  readonly entries: number;
}

interface Build extends IndexProgress {
  readonly phase: 'building' | 'ready' | 'removing' | 'removed';
}

type Made = Awaited<ReturnType<Raw['indexes']['create']>>;

/** Makes an index in steps, and goes on with one that was begun. */
export async function buildIndex(
  calls: Raw['indexes'],
  table: string,
  definition: Uint8Array,
  { signal, onProgress }: IndexOptions,
): Promise<Made> {
  for (;;) {
    const made = await calls.create(table, definition);
    let { build } = decode(made.definition) as unknown as { build?: Build };
    if (build === undefined) return made;
    try {
      while (build.phase === 'building') {
        onProgress?.({ done: build.done, total: build.total });
        if (signal?.aborted) {
          throw new CuError(
            'cancelled',
            'The index was cancelled before it was ready; nothing is left of it.',
            {
              cause: signal.reason,
            },
          );
        }
        build = await step(calls, table, made.name);
      }
    } catch (error) {
      // If that fails as well, the first error is the one to tell; making it again goes on.
      await dropIndex(calls, table, made.name).catch(() => {});
      throw error;
    }
    // One that was being removed is made when it is gone.
    while (build.phase === 'removing') build = await step(calls, table, made.name);
  }
}

async function step(calls: Raw['indexes'], table: string, name: string): Promise<Build> {
  return decode(await calls.buildStep(table, name)) as unknown as Build;
}

/** Removes an index. One that is not ready goes in steps. */
export async function dropIndex(calls: Raw['indexes'], table: string, name: string): Promise<boolean> {
  let dropped = false;
  while (await calls.drop(table, name)) dropped = true;
  return dropped;
}
