/** A database whose engine runs in a worker. One that ends unasked is followed by another with the next call. */
import type { ArchiveOptions } from '../archive.ts';
import { compareBytes } from '../bytes.ts';
import { CuError } from '../errors.ts';
import type { Durability, StorageInfo } from '../store/journal.ts';
import type { Connection, TransactionConnection } from './connection.ts';
import { Line } from './line.ts';
import type { Listeners, StoreOptions } from './local.ts';
import { DATABASE } from './protocol.ts';

/** How to open a database in a worker. */
export interface RemoteOptions {
  readonly name: string;
  readonly store: StoreOptions;
  readonly main: () => Promise<WebAssembly.Module>;
  readonly start: () => Worker;
  readonly listeners: Listeners;
}

/** Opens a database in a worker. */
export async function openRemote(options: RemoteOptions): Promise<Connection> {
  const connection = new RemoteConnection(options);
  await connection.opened();
  return connection;
}

class RemoteConnection implements Connection {
  id: string | undefined;
  readonly #options: RemoteOptions;
  #line: Line | undefined;
  #opened: Promise<void> = Promise.resolve();
  #targets = DATABASE;
  #closed: CuError | undefined;

  constructor(options: RemoteOptions) {
    this.#options = options;
  }

  /** Resolves when the database is open. */
  async opened(): Promise<void> {
    this.#open();
    await this.#opened;
  }

  async run(...call: Parameters<Connection['run']>): Promise<unknown> {
    return run(this.#open(), DATABASE, call);
  }

  async begin(durability: Durability | undefined): Promise<TransactionConnection> {
    const target = ++this.#targets;
    const line = this.#open();
    await line.call(DATABASE, 'begin', [target, durability]);
    return new RemoteTransaction(line, target);
  }

  async newer(version: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#open().call(DATABASE, 'newer', [version, true], { signal });
    } catch (error) {
      signal.throwIfAborted();
      // There may be one; who asks the next worker for it finds out.
      if (!isLost(error)) throw error;
    }
  }

  async *live(query: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    let last: Uint8Array | undefined;
    for (;;) {
      let answers = 0;
      try {
        for await (const rows of this.#results(query, signal)) {
          answers++;
          if (last !== undefined && compareBytes(last, rows) === 0) continue;
          last = rows;
          yield rows;
        }
        return;
      } catch (error) {
        // The next worker goes on, unless it is the query that ends them.
        if (!isLost(error) || answers === 0) throw error;
      }
    }
  }

  async exportArchive({ signal, onProgress }: ArchiveOptions): Promise<Blob> {
    return this.#open().call(DATABASE, 'exportArchive', [signal !== undefined], { signal, told: onProgress });
  }

  async importArchive(archive: Blob, { signal, onProgress }: ArchiveOptions): Promise<void> {
    return this.#open().call(DATABASE, 'importArchive', [archive, signal !== undefined], {
      signal,
      told: onProgress,
    });
  }

  async storage(): Promise<StorageInfo> {
    return this.#open().call(DATABASE, 'storage', []);
  }

  async close(): Promise<void> {
    if (this.#closed !== undefined) return;
    this.#closed = new CuError('store-closed', 'The database was closed; open it again.');
    const line = this.#line;
    if (line === undefined || line.ended) return;
    try {
      await line.call(DATABASE, 'close', []);
    } finally {
      line.end(this.#closed);
    }
  }

  async *#results(query: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    const target = ++this.#targets;
    const line = this.#open();
    const end = () => void line.call(target, 'end', []).catch(() => {});
    signal.addEventListener('abort', end);
    try {
      await line.call(DATABASE, 'live', [target, query]);
      while (!signal.aborted) {
        const rows = await line.call<Uint8Array | undefined>(target, 'next', []);
        if (rows === undefined) return;
        yield rows;
      }
    } finally {
      signal.removeEventListener('abort', end);
      end();
    }
  }

  /** The line to the worker, which is started if there is none. */
  #open(): Line {
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#line !== undefined && !this.#line.ended) return this.#line;
    const { name, store, main, start, listeners } = this.#options;
    if (this.#line !== undefined && store.storage === 'memory') {
      this.#closed = new CuError(
        'store-closed',
        'The database was in memory, and went with its worker; open another one.',
      );
      throw this.#closed;
    }
    const line = new Line(start, listeners);
    this.#line = line;
    // A worker that follows another one has to find the same database.
    const { id: expected = store.expected } = this;
    this.#opened = line.open(name, { ...store, expected }, main()).then((id) => {
      this.id = id;
    });
    // Calls that wait for it are told as well.
    this.#opened.catch((error: CuError) => line.end(error));
    return line;
  }
}

/** A transaction goes with the worker that has begun it. */
class RemoteTransaction implements TransactionConnection {
  readonly #line: Line;
  readonly #target: number;

  constructor(line: Line, target: number) {
    this.#line = line;
    this.#target = target;
  }

  run(...call: Parameters<Connection['run']>): Promise<unknown> {
    return run(this.#line, this.#target, call);
  }

  savepoint(id: number): Promise<void> {
    return this.#line.call(this.#target, 'savepoint', [id]);
  }

  rollbackTo(id: number): Promise<void> {
    return this.#line.call(this.#target, 'rollbackTo', [id]);
  }

  release(id: number): Promise<void> {
    return this.#line.call(this.#target, 'release', [id]);
  }

  commit(signal?: AbortSignal): Promise<void> {
    return this.#line.call(this.#target, 'commit', [signal !== undefined], { signal });
  }

  rollback(): Promise<void> {
    return this.#line.call(this.#target, 'rollback', []);
  }
}

/** Runs an export in the worker. One that only reads has done nothing, wherever it is when its signal is raised. */
function run(line: Line, target: number, call: Parameters<Connection['run']>): Promise<unknown> {
  const [face, name, mode, durability, signal, ...args] = call;
  const asked = [face, name, mode, durability, signal !== undefined, ...args];
  return line.call(target, 'run', asked, { signal, isIdle: mode === 'read' });
}

function isLost(error: unknown): boolean {
  return error instanceof CuError && error.code === 'worker-lost';
}
