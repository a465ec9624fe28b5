/** Batches of any size: applied in chunks, so that neither the component nor the page holds all of them at once. */
import type { BatchProgress, Operation, StreamOptions } from './batch.ts';
import { CuError, further, stopIfAsked } from './errors.ts';
import { whole } from './options.ts';
import { turn } from './turn.ts';

/** How many operations a chunk has unless it is said. */
export const CHUNK = 1000;

const WHAT = 'The batch';

export type Operations = Iterable<Operation> | AsyncIterable<Operation>;

/** Applies operations in chunks, and gives the results of all. */
export async function applyChunks(
  operations: Operations,
  { chunk = CHUNK, onProgress, signal }: StreamOptions,
  apply: (chunk: readonly Operation[]) => Promise<unknown[]>,
): Promise<unknown[]> {
  const size = Number(whole(chunk, 'chunk', 1n, 1_000_001n));
  const total = Array.isArray(operations) ? operations.length : undefined;
  const results: unknown[] = [];
  const tell = (phase: BatchProgress['phase']) => onProgress?.({ done: results.length, total, phase });
  const run = async (chunk: readonly Operation[]) => {
    stopIfAsked(signal, WHAT);
    const before = results.length;
    try {
      for (const result of await apply(chunk)) results.push(result);
    } catch (error) {
      throw error instanceof CuError ? further(error, before) : error;
    }
    tell('apply');
    await turn();
  };

  stopIfAsked(signal, WHAT);
  let waiting: Operation[] = [];
  for await (const operation of operations) {
    waiting.push(operation);
    if (waiting.length < size) continue;
    await run(waiting);
    waiting = [];
  }
  if (waiting.length > 0) await run(waiting);
  stopIfAsked(signal, WHAT);
  tell('commit');
  return results;
}
