/** The page's end of the line to a worker, from its start to its end. */
import { CuError, cancelledBy } from '../errors.ts';
import type { Listeners, StoreOptions } from './local.ts';
import { errorOf, Outbox, type Reply, type Request } from './protocol.ts';

interface Pending {
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
  readonly told: ((progress: never) => void) | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onAbort: (() => void) | undefined;
}

export interface CallSettings {
  readonly signal?: AbortSignal | undefined;
  /** Whether the call changes nothing: then it need not be waited for once the signal is raised. */
  readonly isIdle?: boolean | undefined;
  readonly told?: ((progress: never) => void) | undefined;
}

export class Line {
  readonly #worker: Worker;
  readonly #listeners: Listeners;
  readonly #outbox: Outbox<Request>;
  readonly #pending = new Map<number, Pending>();
  readonly #watch = new AbortController();
  #ids = 0;
  #started = false;
  /** Why nothing can be asked any more. */
  #ended: CuError | undefined;

  /** Starts a worker. */
  constructor(start: () => Worker, listeners: Listeners) {
    this.#listeners = listeners;
    try {
      this.#worker = start();
    } catch (cause) {
      throw unavailable(cause instanceof Error ? cause.message : String(cause), cause);
    }
    this.#outbox = new Outbox((requests, transfer) => this.#worker.postMessage(requests, transfer), true);
    this.#worker.onmessage = ({ data }: MessageEvent<Reply[]>) => {
      for (const reply of data) this.#receive(reply);
    };
    this.#worker.onmessageerror = () => this.end(lost());
    this.#worker.onerror = ({ message }) => {
      // Later it is an exception that nobody caught there; the console has it.
      if (!this.#started) this.end(unavailable(message ?? 'its script could not be loaded'));
    };
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Gives the database's id. */
  open(name: string, options: StoreOptions, main: Promise<WebAssembly.Module>): Promise<string | undefined> {
    main.then(
      (module) => this.#ended === undefined && this.#outbox.send(['code', module]),
      (error: CuError) => this.end(error),
    );
    return this.#ask((id) => ['open', id, name, options]);
  }

  /** Asks for something. Bytes among the arguments are copied, and so stay the caller's. */
  call<T>(target: number, method: string, args: readonly unknown[], settings?: CallSettings): Promise<T> {
    const transfer: ArrayBuffer[] = [];
    const sent = args.map((argument) => {
      if (!(argument instanceof Uint8Array)) return argument;
      const copy = argument.slice();
      transfer.push(copy.buffer);
      return copy;
    });
    return this.#ask((id) => ['call', id, target, method, ...sent], transfer, settings);
  }

  /** Ends the worker. What is pending rejects with the error, and so does what is asked later. */
  end(error: CuError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#watch.abort();
    this.#worker.terminate();
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(error);
  }

  #ask<T>(request: (id: number) => Request, transfer?: ArrayBuffer[], settings?: CallSettings): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      const id = this.#ids++;
      const { signal, told, isIdle } = settings ?? {};
      this.#outbox.send(request(id), transfer);
      const onAbort =
        signal &&
        (() => {
          this.#outbox.send(['cancel', id]);
          if (isIdle) this.#take(id)?.reject(cancelledBy(signal));
        });
      this.#pending.set(id, { resolve, reject, told, signal, onAbort });
      if (signal === undefined) return;
      signal.addEventListener('abort', onAbort!);
      if (signal.aborted) onAbort!();
    });
  }

  #receive(reply: Reply): void {
    switch (reply[0]) {
      case 'ready':
        this.#started = true;
        if (reply[1] !== undefined) this.#watchOver(reply[1]);
        this.#outbox.release();
        return;
      case 'done':
        this.#take(reply[1])?.resolve(reply[2] as never);
        return;
      case 'failed': {
        const [, id, failure] = reply;
        const reason = this.#pending.get(id)?.signal?.reason;
        const ofSignal = failure.code === 'cancelled' && reason !== undefined;
        const info = ofSignal ? { ...failure.info, cause: reason } : failure.info;
        this.#take(id)?.reject(errorOf({ ...failure, info }));
        return;
      }
      case 'told':
        this.#tell(reply[1], reply[2]);
        return;
      case 'printed':
        this.#listeners.print(reply[1]);
        return;
      case 'warned':
        this.#listeners.warn(reply[1]);
    }
  }

  /** The lock is had when the worker has ended. */
  #watchOver(lock: string): void {
    navigator.locks.request(lock, { signal: this.#watch.signal }, () => this.end(lost())).catch(() => {});
  }

  /** What a listener throws ends the call that it listens to. */
  #tell(id: number, progress: unknown): void {
    try {
      this.#pending.get(id)?.told?.(progress as never);
    } catch (error) {
      this.#take(id)?.reject(error);
      this.#outbox.send(['cancel', id]);
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending?.onAbort !== undefined) pending.signal?.removeEventListener('abort', pending.onAbort);
    this.#pending.delete(id);
    return pending;
  }
}

function lost(): CuError {
  return new CuError(
    'worker-lost',
    'The worker of the database ended before it answered. What was written may be there or not; the next call starts another one.',
  );
}

function unavailable(reason: string, cause?: unknown): CuError {
  return new CuError(
    'worker-unavailable',
    `The worker of the database can't be started (${reason}); serve worker.js beside the package's script, ` +
      'or open with { worker: false }.',
    { cause },
  );
}
