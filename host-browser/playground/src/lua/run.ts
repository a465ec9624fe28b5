/** A script's run: what it prints, returns and fails with, and how it is stopped. */
import { signal } from '@preact/signals';
import { CuError, type Decoded } from 'cu-db';
import { printed, stop, write } from '../base/session.ts';
import { PRELUDE } from './lines.ts';

/** What errors call the script. */
const CHUNK = 'script';

/** As many as there may be: it is the time that ends a script. */
const INSTRUCTIONS = 10 ** 15;

/** Characters of output that are kept; what was printed before them is forgotten. */
const MOST_OUTPUT = 200_000;

export interface Outcome {
  readonly results?: readonly Decoded[];
  readonly error?: unknown;
  readonly milliseconds: number;
}

export const running = signal(false);
export const output = signal('');
export const outcome = signal<Outcome | undefined>(undefined);

let stopped = false;

printed.take = (text) => {
  const all = output.value + text;
  output.value = all.length > MOST_OUTPUT ? `…${all.slice(-MOST_OUTPUT)}` : all;
};

/** Runs a script for so many milliseconds at the most. */
export async function run(source: string, wallClock: number): Promise<Outcome> {
  running.value = true;
  output.value = '';
  outcome.value = undefined;
  stopped = false;
  const start = performance.now();
  const ended = (rest: Omit<Outcome, 'milliseconds'>) => {
    outcome.value = { ...rest, milliseconds: performance.now() - start };
    running.value = false;
    return outcome.value;
  };
  try {
    return ended({
      results: await write((db) =>
        db.eval(PRELUDE + source, [], { chunkName: CHUNK, wallClock, instructions: INSTRUCTIONS }),
      ),
    });
  } catch (error) {
    return ended({ error: stopped && isLost(error) ? stoppedError(error) : error });
  }
}

export function stopRun(): void {
  stopped = true;
  stop();
}

function isLost(error: unknown): boolean {
  return error instanceof CuError && error.code === 'worker-lost';
}

function stoppedError(cause: unknown): CuError {
  return new CuError('cancelled', 'The script was stopped, and what it wrote is taken back.', { cause });
}

/** The line of the script that an error is about. */
export function lineOf(error: unknown): number | undefined {
  if (!(error instanceof CuError)) return undefined;
  const inMessage = new RegExp(`\\b${CHUNK}:(\\d+):`);
  const found = inMessage.exec(error.message) ?? inMessage.exec(error.traceback ?? '');
  return found ? Number(found[1]) : undefined;
}
