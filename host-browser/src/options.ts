/** What can be said when a database is opened or a call is made. */
import type { HostFunctions } from './engine/host.ts';
import { CuError } from './errors.ts';
import type { Durability } from './store/journal.ts';
import type { StorageRoom } from './store/room.ts';

export interface OpenOptions {
  /**
   * `indexeddb`, the default in browsers; `file`, the default in Node; or `memory` for a database that ends with its
   * object. A file is one process's as long as it is open.
   */
  readonly storage?: 'indexeddb' | 'file' | 'memory';
  /** Where the file is, in Node; by default in the working directory. */
  readonly directory?: string;
  /**
   * When a write's promise resolves. `relaxed`, the default: the browser has it, and it survives
   * the end of the page and of the browser. `strict`: it is on disk, and survives a power cut too.
   */
  readonly durability?: Durability;
  /**
   * What to do when the database was there and is not any more, because a script, the user or the browser has
   * deleted it: `refuse`, the default, rejects with `store-lost`; `accept` begins with an empty one.
   */
  readonly whenLost?: 'refuse' | 'accept';
  /** The share of what the browser lets this site store from which on storage is low; by default 0.8. */
  readonly warnAt?: number;
  /** Told once, after a write, when storage gets low; again if it has been enough in between. */
  readonly onStorageWarning?: (room: StorageRoom) => void;
  /** Takes what Lua's `print` writes, before the call's promise settles. By default the console does. */
  readonly onPrint?: (text: string) => void;
  /**
   * Functions of the page that Lua may call as `host.name(…)`; see `HostFunctions`. The engine runs in this thread then;
   * to have both, give them to `serve` in a worker of your own.
   */
  readonly functions?: HostFunctions;
  /**
   * Where the engine runs: true for a worker of the database's own, which is the default in a page, so that no call
   * keeps the page from answering; false for this thread, which is the default everywhere else; or a function that starts a worker
   * in which `serve` of `cu-db/serve` runs.
   */
  readonly worker?: boolean | (() => Worker);
  /** The compiled `cu.core.wasm`, for bundlers that can't find the file that comes with the package. */
  readonly module?: WebAssembly.Module;
}

/** What each call takes that asks the database for something. */
export interface SignalOptions {
  /**
   * Takes the call back if it is raised before the call's turn; then the call rejects with `cancelled`, and has done nothing. One that
   * runs already goes on to its end, and what it writes is written; only one that just reads rejects at once.
   */
  readonly signal?: AbortSignal | undefined;
}

/** How Lua code runs; see `call-options` in `wit/database.wit`. Everything has a default. */
export interface CallOptions extends SignalOptions {
  /** What a traceback calls the source; by default `eval`. */
  readonly chunkName?: string;
  /** At most so many Lua instructions; by default the database's limit, as for those that follow. */
  readonly instructions?: number | bigint;
  /** At most so many bytes of Lua memory. */
  readonly memory?: number | bigint;
  /** At most so many milliseconds. */
  readonly wallClock?: number | bigint;
  /** At most so many calls inside each other. */
  readonly callDepth?: number | bigint;
  /** At most so many bytes of results. */
  readonly resultSize?: number | bigint;
  /** At most so many bytes printed. */
  readonly outputSize?: number | bigint;
  /** At most so many bytes written. */
  readonly transactionSize?: number | bigint;
  /** What `math.random` starts from, for a call that can be repeated. */
  readonly seed?: number | bigint;
  /** What `os.time` takes for now, in seconds since 1970; by default the clock. */
  readonly time?: number | bigint;
  /** Whether globals are kept, until the page ends at the latest, for the next call that says so too. */
  readonly keepGlobals?: boolean;
  /** The call only reads: an attempt to write is `store-read-only`. */
  readonly readOnly?: boolean;
}

const CALL_LIMITS = [
  'memory',
  'instructions',
  'wallClock',
  'callDepth',
  'resultSize',
  'outputSize',
  'transactionSize',
] as const;
const LIMITS = [...CALL_LIMITS, 'functionSize', 'cacheSize'] as const;

/**
 * The limits of a database's calls, kept in the database; a call's options override them. What is absent has its
 * default; `wit/database.wit` says what each may be.
 */
export type Limits = { readonly [Name in (typeof LIMITS)[number]]?: number | bigint };

/** All limits, defaults filled in. */
export type LimitsInForce = { readonly [Name in (typeof LIMITS)[number]]: number };

/** Those of the limits that are given, as the component takes them. */
function given<Name extends keyof Limits>(
  names: readonly Name[],
  limits: Limits,
): { [Key in Name]?: bigint } {
  const all: { [Key in Name]?: bigint } = {};
  for (const name of names) {
    const limit = limits[name];
    if (limit !== undefined) all[name] = whole(limit, name);
  }
  return all;
}

/** Limits as the component takes them. */
export function componentLimits(limits: Limits) {
  return given(LIMITS, limits);
}

/** Limits as the component gives them. */
export function limitsInForce(limits: { [Name in keyof Limits]?: bigint }): LimitsInForce {
  return Object.fromEntries(LIMITS.map((name) => [name, Number(limits[name])])) as LimitsInForce;
}

/** Call options as the component takes them. */
export function componentOptions(options: CallOptions) {
  return {
    ...(options.chunkName !== undefined && { chunkName: options.chunkName }),
    ...given(CALL_LIMITS, options),
    ...(options.seed !== undefined && { seed: whole(options.seed, 'seed') }),
    ...(options.time !== undefined && { time: whole(options.time, 'time', -(2n ** 63n), 2n ** 63n) }),
    keepGlobals: options.keepGlobals ?? false,
  };
}

/** A whole number from `low` on and below `high`, as a BigInt. */
export function whole(value: number | bigint, place: string, low = 0n, high = 2n ** 64n): bigint {
  const integer = typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(value) : undefined;
  if (integer === undefined || integer < low || integer >= high) {
    throw new CuError('invalid-argument', `${place} must be a whole number from ${low} to ${high - 1n}.`, {
      place,
    });
  }
  return integer;
}

/** A string that UTF-8 can say. The bindings would turn half a surrogate pair into another character. */
export function checkText(value: string, place: string): string {
  if (typeof value !== 'string' || !value.isWellFormed()) {
    throw new CuError('invalid-argument', `${place} must be a string of well-formed Unicode.`, { place });
  }
  return value;
}

const NAME_LENGTH = 128;

/** Refuses what is no name of a database. */
export function checkName(name: unknown): asserts name is string {
  const problem = nameProblem(name);
  if (problem !== undefined) {
    throw new CuError('invalid-argument', `The name of a database ${problem}.`, { place: 'name' });
  }
}

function nameProblem(name: unknown): string | undefined {
  if (typeof name !== 'string') return 'must be a string';
  if (name === '') return 'must not be empty';
  if (name.length > NAME_LENGTH) return `has at most ${NAME_LENGTH} characters`;
  if (/\p{Cc}/u.test(name)) return 'must not contain control characters';
  if (!name.isWellFormed()) return 'must be well-formed Unicode';
  return undefined;
}

/** Refuses options that can't be right. */
export function checkOptions(options: OpenOptions): void {
  oneOf(options.storage, ['indexeddb', 'file', 'memory'], 'storage');
  checkDurability(options.durability);
  oneOf(options.whenLost, ['refuse', 'accept'], 'whenLost');
  for (const place of ['onPrint', 'onStorageWarning'] as const) {
    if (options[place] !== undefined && typeof options[place] !== 'function') {
      throw new CuError('invalid-argument', `${place} must be a function.`, { place });
    }
  }
  const { warnAt } = options;
  if (warnAt !== undefined && !(warnAt > 0 && warnAt <= 1)) {
    throw new CuError('invalid-argument', 'warnAt must be a number above 0 and up to 1.', {
      place: 'warnAt',
    });
  }
  checkWorker(options);
  for (const [name, value] of Object.entries(options.functions ?? {})) {
    if (typeof value !== 'function') {
      const place = `functions.${name}`;
      throw new CuError('invalid-argument', `${place} must be a function.`, { place });
    }
  }
}

function checkWorker({ worker, functions }: OpenOptions): void {
  if (worker === undefined || worker === false) return;
  const problem =
    worker !== true && typeof worker !== 'function'
      ? 'must be true, false or a function that starts one.'
      : functions !== undefined
        ? "can't call functions of this thread; leave it out, or give them to `serve` in a worker of your own."
        : typeof Worker === 'undefined'
          ? 'must be false: this platform has no workers that a script can start.'
          : undefined;
  if (problem !== undefined) {
    throw new CuError('invalid-argument', `worker ${problem}`, { place: 'worker' });
  }
}

/** Refuses a durability that there is none of. */
export function checkDurability(durability: string | undefined): void {
  oneOf(durability, ['relaxed', 'strict'], 'durability');
}

function oneOf(value: string | undefined, known: readonly string[], place: string): void {
  if (value !== undefined && !known.includes(value)) {
    throw new CuError('invalid-argument', `${place} must be one of: ${known.join(', ')}.`, { place });
  }
}
