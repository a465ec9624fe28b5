/** Where a database's engine runs, and how its worker is started. */
import type { OpenOptions } from '../options.ts';

/**
 * What starts the worker; undefined if the engine runs in this thread. It does where there is no page that must not
 * wait: in workers and in Node. And it does where Lua may call functions of the page, which can't wait for a worker to ask.
 */
export function startWorker({ worker, functions }: OpenOptions): (() => Worker) | undefined {
  if (typeof worker === 'function') return worker;
  const byDefault = typeof document !== 'undefined' && functions === undefined;
  return (worker ?? byDefault) ? ownWorker : undefined;
}

/** Bundlers know this form, and put the script where it is found. */
function ownWorker(): Worker {
  return new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
}
