/**
 * What crosses between a page and the worker that runs a database for it.
 *
 * A message is a list: all that was asked for, or answered, in one go. Documents, queries and results are CBOR in array
 * buffers that change hands; around them are a few texts and numbers, and never a document's object.
 */
import { CuError, type ErrorCode, type ErrorInfo } from '../errors.ts';
import type { StorageRoom } from '../store/room.ts';
import type { StoreOptions } from './local.ts';

/** The target of what is asked of the database itself. Others are transactions and live queries. */
export const DATABASE = 0;

export type Request =
  /** Comes first, and is answered when the database is open. What is asked meanwhile waits. */
  | readonly ['open', id: number, name: string, options: StoreOptions]
  /** The component, which `open` waits for. */
  | readonly ['code', main: WebAssembly.Module]
  | readonly ['call', id: number, target: number, method: string, ...args: unknown[]]
  | readonly ['cancel', id: number];

export type Reply =
  /**
   * Comes first: before it, a worker's script may not have got to where it listens. The worker holds the lock of this
   * name as long as it lives; it has none where the platform has no locks.
   */
  | readonly ['ready', lock: string | undefined]
  | readonly ['done', id: number, result: unknown]
  | readonly ['failed', id: number, error: Failure]
  /** How far a call is. */
  | readonly ['told', id: number, progress: unknown]
  | readonly ['printed', text: Uint8Array]
  /** Storage is low. */
  | readonly ['warned', room: StorageRoom];

/** An error as it crosses: the platform's copies of errors lose what `CuError` adds. */
export interface Failure {
  /** Absent for what is no `CuError`. */
  readonly code?: ErrorCode;
  readonly message: string;
  readonly info: ErrorInfo;
}

export function failureOf(thrown: unknown): Failure {
  if (!(thrown instanceof CuError)) return { message: String(thrown), info: {} };
  const { code, message, place, limit, maximum, traceback, details, cause } = thrown;
  return { code, message, info: { place, limit, maximum, traceback, details, cause: copyOf(cause) } };
}

export function errorOf({ code, message, info }: Failure): Error {
  return code === undefined ? new Error(message) : new CuError(code, message, info);
}

/** What can cross, as it is; else as a text. */
function copyOf(cause: unknown): unknown {
  try {
    return structuredClone(cause);
  } catch {
    return String(cause);
  }
}

/** Gathers what is sent until the end of the turn's promises, and sends it as one message. */
export class Outbox<Message> {
  readonly #post: (messages: Message[], transfer: ArrayBuffer[]) => void;
  #messages: Message[] = [];
  #transfer: ArrayBuffer[] = [];
  #held: boolean;

  /** One that is held keeps what is sent until it is released. */
  constructor(post: (messages: Message[], transfer: ArrayBuffer[]) => void, held = false) {
    this.#post = post;
    this.#held = held;
  }

  release(): void {
    this.#held = false;
    this.#flush();
  }

  send(message: Message, transfer: readonly ArrayBuffer[] = []): void {
    if (this.#messages.length === 0) queueMicrotask(() => this.#flush());
    this.#messages.push(message);
    this.#transfer.push(...transfer);
  }

  #flush(): void {
    if (this.#held || this.#messages.length === 0) return;
    const [messages, transfer] = [this.#messages, this.#transfer];
    this.#messages = [];
    this.#transfer = [];
    this.#post(messages, transfer);
  }
}
