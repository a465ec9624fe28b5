/** The component's imports `store` and `console`, over the state of the call that runs. */
import { StoreFailure } from '../errors.ts';
import { Entries } from './entries.ts';
import type { Mirror } from './mirror.ts';
import type { State } from './state.ts';

/**
 * What the running call sees and leaves. The transactor sets it before a call and looks at it
 * afterwards; between calls nothing reads it.
 */
export class Session {
  state: State;
  /** Whether the running call may commit. */
  writable = false;
  /** The writes of each commit since the transactor last took them. */
  commits: Entries[] = [];
  /** What the running call printed. A call that runs a second time must not print twice. */
  printed: Uint8Array[] = [];

  constructor(state: State) {
    this.state = state;
  }
}

/** Takes what Lua's `print` wrote. */
export type PrintHandler = (text: Uint8Array) => void;

/** The import `cu:db/store`. */
export function storeImport(session: Session): object {
  class Snapshot {
    readonly #mirror: Mirror;
    readonly #version: bigint;

    constructor({ mirror, version }: State) {
      this.#mirror = mirror;
      this.#version = BigInt(version);
    }

    version(): bigint {
      return this.#version;
    }

    get(key: Uint8Array): Uint8Array | undefined {
      return this.#mirror.get(key);
    }

    getMany(keys: Uint8Array): Uint8Array {
      return this.#mirror.getMany(keys);
    }

    scan(
      start: Uint8Array,
      end: Uint8Array,
      direction: 'forward' | 'backward',
      maxEntries: number,
      maxBytes: number,
    ): Uint8Array {
      return this.#mirror.scan(start, end, direction === 'backward', maxEntries, maxBytes);
    }

    count(start: Uint8Array, end: Uint8Array): bigint {
      return BigInt(this.#mirror.count(start, end));
    }

    reserve(): bigint {
      return this.#version + 1n;
    }

    static commit(_snapshot: Snapshot, writes: Uint8Array): bigint {
      // Calls run one at a time, each on the newest state: no snapshot can be out of date here.
      const { mirror, version } = session.state;
      if (writes.length === 0) return BigInt(version);
      if (!session.writable) throw new StoreFailure({ tag: 'read-only' });
      const entries = Entries.parse(writes);
      session.state = { mirror: mirror.apply(entries), version: version + 1 };
      session.commits.push(entries);
      return BigInt(version + 1);
    }
  }
  return { Snapshot, open: () => new Snapshot(session.state) };
}

/** The import `cu:db/console`. */
export function consoleImport(session: Session): object {
  return { print: (text: Uint8Array) => void session.printed.push(text) };
}
