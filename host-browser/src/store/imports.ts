/** The component's imports `store` and `console`, over the state of the call that runs. */
import { StoreFailure } from '../errors.ts';
import { Entries } from './entries.ts';
import type { Mirror } from './mirror.ts';
import type { Reads } from './reads.ts';
import type { State } from './state.ts';

/**
 * What the running call sees and leaves. The transactor sets it before a call and looks at it
 * afterwards; between calls nothing reads it.
 */
export class Session {
  state: State;
  /** Whether the running call may commit. */
  writable = false;
  /** The writes of the commits since the transactor last took them, in order. */
  commits: Entries[] = [];
  /** What the running call printed. A call that runs a second time must not print twice. */
  printed: Uint8Array[] = [];
  /** Where what is read is noted, if anywhere. */
  reads: Reads | undefined;
  /** Whether a commit's number was asked for ahead of it. */
  hasReserved = false;

  constructor(state: State) {
    this.state = state;
  }

  /** The number that the next commit will have. */
  get next(): number {
    return this.state.version + 1;
  }

  /** The number that the writes of the running call may contain as that of their commit. */
  get reserved(): number {
    return this.next;
  }

  /** Makes one commit of runs of writes, and gives its number. What comes of the writes may be known already. */
  commit(
    runs: readonly Entries[],
    mirror = runs.reduce((before, run) => before.apply(run), this.state.mirror),
  ): number {
    if (!this.writable) throw new StoreFailure({ tag: 'read-only' });
    const version = this.next;
    this.state = { mirror, version };
    this.commits.push(...runs);
    return version;
  }
}

/** Takes what Lua's `print` wrote. */
export type PrintHandler = (text: Uint8Array) => void;

/** The import `cu:db/store`. */
export function storeImport(session: Session): object {
  class Snapshot {
    readonly #mirror: Mirror;
    readonly #version: bigint;
    readonly #reads = session.reads;

    constructor({ mirror, version }: State) {
      this.#mirror = mirror;
      this.#version = BigInt(version);
    }

    get(key: Uint8Array): Uint8Array | undefined {
      this.#reads?.key(key);
      return this.#mirror.get(key);
    }

    getMany(keys: Uint8Array): Uint8Array {
      this.#reads?.keys(keys);
      return this.#mirror.getMany(keys);
    }

    scan(
      start: Uint8Array,
      end: Uint8Array,
      direction: 'forward' | 'backward',
      maxEntries: number,
      maxBytes: number,
    ): Uint8Array {
      const backward = direction === 'backward';
      const page = this.#mirror.scan(start, end, backward, maxEntries, maxBytes);
      this.#reads?.scan(start, end, backward, page, maxEntries, maxBytes);
      return page;
    }

    count(start: Uint8Array, end: Uint8Array): bigint {
      this.#reads?.count(start, end);
      return BigInt(this.#mirror.count(start, end));
    }

    reserve(): bigint {
      session.hasReserved = true;
      return BigInt(session.reserved);
    }

    static commit(snapshot: Snapshot, writes: Uint8Array): bigint {
      const { version } = session.state;
      if (writes.length === 0) return BigInt(version);
      // Calls run one at a time: only a snapshot that was held since an earlier one can be out of date.
      if (snapshot.#version !== BigInt(version)) throw new StoreFailure({ tag: 'conflict' });
      return BigInt(session.commit([Entries.parse(writes)]));
    }
  }
  function peek(key: Uint8Array): [bigint, Uint8Array | undefined] {
    const { mirror, version } = session.state;
    session.reads?.key(key);
    return [BigInt(version), mirror.get(key)];
  }
  function open(): [Snapshot, bigint] {
    return [new Snapshot(session.state), BigInt(session.state.version)];
  }
  return { Snapshot, open, peek };
}

/** The import `cu:db/console`. */
export function consoleImport(session: Session): object {
  return { print: (text: Uint8Array) => void session.printed.push(text) };
}
