/** The worker's end: opens the database that a page asks for, and answers what it asks of it. */
import type { HostFunctions } from '../engine/host.ts';
import { CuError } from '../errors.ts';
import type { Connection, TransactionConnection } from './connection.ts';
import { openLocal, type StoreOptions } from './local.ts';
import { DATABASE, failureOf, Outbox, type Reply, type Request } from './protocol.ts';

export interface ServeOptions {
  /** Functions that Lua may call as `host.name(…)`; they run in the worker. */
  readonly functions?: HostFunctions;
}

/** What a worker has that a page has not, as far as it is needed here. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<Request[]>) => void) | null;
  postMessage(replies: Reply[], transfer: ArrayBuffer[]): void;
}

/**
 * Makes this worker run the database of the page that has started it with
 * `open(name, { worker: () => new Worker(…) })`. Only a worker of your own needs it, such as one that has functions
 * for Lua; it is asked for before anything is awaited.
 *
 * ```ts
 * import { serve } from 'cu-db/serve';
 *
 * serve({ functions: { now: () => Date.now() } });
 * ```
 */
export function serve(options: ServeOptions = {}): void {
  const scope = globalThis as unknown as WorkerScope;
  const server = new Server(options.functions, (replies, transfer) => scope.postMessage(replies, transfer));
  scope.onmessage = ({ data }) => {
    for (const request of data) server.receive(request);
  };
  // The platform lets go of a lock when the worker ends, however it ends: that is how the page hears of it. Asked for
  // anything before the lock is held, the worker could end without a trace.
  const lock = `cu-worker:${crypto.randomUUID?.() ?? Math.random()}`;
  const hold = () => {
    server.reply(['ready', lock]);
    return new Promise(() => {});
  };
  const { locks } = globalThis.navigator ?? {};
  if (locks === undefined) server.reply(['ready', undefined]);
  else locks.request(lock, hold).catch(() => server.reply(['ready', undefined]));
}

/** A live query's results, and what ends it. */
class Results {
  readonly generator: AsyncGenerator<Uint8Array, void, void>;
  readonly end = new AbortController();

  constructor(connection: Connection, query: Uint8Array) {
    this.generator = connection.live(query, this.end.signal);
  }
}

/** Where a method takes a signal. What crosses is whether there is one. */
const SIGNALS: { readonly [method: string]: number } = {
  run: 4,
  newer: 1,
  exportArchive: 0,
  importArchive: 1,
  commit: 0,
};

/** Methods that a transaction or the database has for the page, by their names. */
type Methods = Record<string, (...args: unknown[]) => Promise<unknown>>;

class Server {
  readonly #functions: HostFunctions | undefined;
  readonly #outbox: Outbox<Reply>;
  readonly #code = Promise.withResolvers<WebAssembly.Module>();
  /** What ends a call that can be, until it is answered. */
  readonly #stops = new Map<number, AbortController>();
  readonly #transactions = new Map<number, TransactionConnection>();
  readonly #results = new Map<number, Results>();
  #opening: Promise<Connection> | undefined;
  #connection: Connection | undefined;

  constructor(
    functions: HostFunctions | undefined,
    post: (replies: Reply[], transfer: ArrayBuffer[]) => void,
  ) {
    this.#functions = functions;
    this.#outbox = new Outbox(post);
  }

  receive(request: Request): void {
    switch (request[0]) {
      case 'open': {
        const [, id, name, options] = request;
        this.#answer(id, this.#open(name, options));
        return;
      }
      case 'code':
        this.#code.resolve(request[1]);
        return;
      case 'cancel':
        this.#stops.get(request[1])?.abort();
        return;
      case 'call': {
        const [, id, target, method, ...args] = request;
        const signalAt = SIGNALS[method];
        if (signalAt !== undefined) args[signalAt] = args[signalAt] ? this.#stop(id) : undefined;
        const connection = this.#connection;
        const result =
          connection === undefined
            ? this.#opening!.then((opened) => this.#call(opened, id, target, method, args))
            : this.#call(connection, id, target, method, args);
        this.#answer(id, result);
      }
    }
  }

  /** The signal of a call that can be ended. */
  #stop(id: number): AbortSignal {
    const stop = new AbortController();
    this.#stops.set(id, stop);
    return stop.signal;
  }

  reply(reply: Reply, transfer?: ArrayBuffer[]): void {
    this.#outbox.send(reply, transfer);
  }

  #answer(id: number, result: Promise<unknown>): void {
    result
      .then(
        (value) => this.reply(['done', id, value], buffersOf(value)),
        (error: unknown) => this.reply(['failed', id, failureOf(error)]),
      )
      .finally(() => this.#stops.delete(id));
  }

  /** Gives the database's id. */
  async #open(name: string, options: StoreOptions): Promise<string | undefined> {
    this.#opening = openLocal(name, options, this.#code.promise, this.#functions, {
      print: (text) => this.reply(['printed', text]),
      warn: (room) => this.reply(['warned', room]),
    });
    this.#connection = await this.#opening;
    return this.#connection.id;
  }

  async #call(
    connection: Connection,
    id: number,
    target: number,
    method: string,
    args: unknown[],
  ): Promise<unknown> {
    if (target !== DATABASE) return this.#callTarget(target, method, args);
    switch (method) {
      case 'begin': {
        const [transaction, durability] = args as [number, Parameters<Connection['begin']>[0]];
        this.#transactions.set(transaction, await connection.begin(durability));
        return;
      }
      case 'live': {
        const [results, query] = args as [number, Uint8Array];
        this.#results.set(results, new Results(connection, query));
        return;
      }
      case 'exportArchive':
        return connection.exportArchive(this.#archiveOptions(id, args[0]));
      case 'importArchive':
        return connection.importArchive(args[0] as Blob, this.#archiveOptions(id, args[1]));
      default:
        return (connection as unknown as Methods)[method]!(...args);
    }
  }

  async #callTarget(target: number, method: string, args: unknown[]): Promise<unknown> {
    const results = this.#results.get(target);
    if (method === 'next') return (await results!.generator.next()).value;
    if (method === 'end') {
      results?.end.abort();
      this.#results.delete(target);
      return;
    }
    const transaction = this.#transactions.get(target);
    if (transaction === undefined) {
      throw new CuError('store-closed', 'The transaction has ended; begin another one.');
    }
    if (method === 'commit' || method === 'rollback') this.#transactions.delete(target);
    return (transaction as unknown as Methods)[method]!(...args);
  }

  #archiveOptions(id: number, signal: unknown) {
    return {
      ...(signal instanceof AbortSignal && { signal }),
      onProgress: (progress: unknown) => this.reply(['told', id, progress]),
    };
  }
}

/** The buffers of a result's bytes. The component's bindings have made each for this result alone. */
function buffersOf(result: unknown): ArrayBuffer[] {
  if (result instanceof Uint8Array) return [result.buffer as ArrayBuffer];
  if (typeof result !== 'object' || result === null || result instanceof Blob) return [];
  return Object.values(result).flatMap((member) =>
    member instanceof Uint8Array ? [member.buffer as ArrayBuffer] : [],
  );
}
