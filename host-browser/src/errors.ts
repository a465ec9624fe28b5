/** The one error class of the package, and how errors of the component become one. */

/** The limits a call can run into, as `wit/types.wit` names them. */
export type LimitName =
  | 'name-size'
  | 'key-size'
  | 'value-size'
  | 'value-depth'
  | 'batch-size'
  | 'function-size'
  | 'instructions'
  | 'memory'
  | 'call-depth'
  | 'result-size'
  | 'output-size'
  | 'transaction-size'
  | 'wall-clock';

/** What can go wrong. The codes are stable; messages are for people and may change. */
export type ErrorCode =
  /** A name, key, option or other argument can't be right, whatever the database holds. */
  | 'invalid-argument'
  /** Something that is no value: no CBOR can say it, or it is outside of the data model. */
  | 'invalid-value'
  | 'invalid-query'
  | 'unknown-table'
  | 'unknown-index'
  | 'unknown-function'
  | 'already-exists'
  /** A document is not as an operation of a batch asked for. */
  | 'precondition-failed'
  /** `limit` and `maximum` say which one. */
  | 'limit-exceeded'
  /** Lua source that does not compile. */
  | 'syntax'
  /** An error that Lua code raised; `traceback` has its stack. */
  | 'script'
  | 'unstorable'
  /** The stored format is newer than this package, or not Cu's. Nothing was touched. */
  | 'unsupported-format'
  | 'corrupt'
  /** An import into the database was begun and is not finished; import the archive again. */
  | 'incomplete'
  /** The change feed has not, or no longer, what was asked for. Read the documents anew, and go on from there. */
  | 'out-of-date'
  /** The caller asked for the call to end. Nothing was written. */
  | 'cancelled'
  /** The file of an archive can't be read. */
  | 'archive-io'
  | 'store-conflict'
  | 'store-read-only'
  /** The disk or the quota is full. The database holds what the last successful commit left. */
  | 'store-full'
  | 'store-corrupt'
  | 'store-closed'
  /** The database was deleted behind our back, while it was open or since it was last. It is never shown as an empty one. */
  | 'store-lost'
  | 'store-io'
  /** The platform refuses to give this page any IndexedDB. */
  | 'store-unavailable'
  /** The component broke down. It was thrown away; the next call uses a new one. */
  | 'trapped'
  /** The database's worker ended before it answered. What was written may be there or not; the next call starts another one. */
  | 'worker-lost'
  /** The database's worker can't be started: its script was not found, or a policy forbids it. */
  | 'worker-unavailable'
  /** This JavaScript engine can't run the component. */
  | 'unsupported-engine';

/** What a `CuError` carries besides its code and message. */
export interface ErrorInfo {
  /** The argument, or the path inside it: `key`, `where.and[1].op`, `[17].value`. */
  readonly place?: string | undefined;
  readonly limit?: LimitName | undefined;
  /** The limit in force, in the unit of the limit. */
  readonly maximum?: bigint | undefined;
  /** The Lua stack, innermost call first. */
  readonly traceback?: string | undefined;
  /** The component's error as it came, or what the platform said. */
  readonly details?: unknown;
  readonly cause?: unknown;
}

/**
 * Every rejected promise of this package carries one of these.
 *
 * ```ts
 * try {
 *   await db.query({ table: 'nowhere' });
 * } catch (error) {
 *   if (error instanceof CuError && error.code === 'unknown-table') …
 * }
 * ```
 */
export class CuError extends Error {
  override readonly name = 'CuError';
  readonly code: ErrorCode;
  readonly place: string | undefined;
  readonly limit: LimitName | undefined;
  readonly maximum: bigint | undefined;
  readonly traceback: string | undefined;
  readonly details: unknown;

  static {
    // Minifying renames the class, and consoles show the class.
    Object.defineProperty(CuError, 'name', { value: 'CuError' });
  }

  constructor(code: ErrorCode, message: string, info: ErrorInfo = {}) {
    super(message, info.cause === undefined ? undefined : { cause: info.cause });
    this.code = code;
    this.place = info.place;
    this.limit = info.limit;
    this.maximum = info.maximum;
    this.traceback = info.traceback;
    this.details = info.details;
  }
}

/** The store failures of the seam, as the component expects them. */
export type StoreFailureCase =
  | { tag: 'conflict' }
  | { tag: 'read-only' }
  | { tag: 'full'; val: string }
  | { tag: 'corrupt'; val: string }
  | { tag: 'closed'; val: string }
  | { tag: 'io'; val: string };

/** Thrown by the `store` import: the component sees `payload` as the error of the call. */
export class StoreFailure extends Error {
  override name = 'StoreFailure';
  readonly payload: StoreFailureCase;

  constructor(payload: StoreFailureCase) {
    super(`store failure: ${payload.tag}`);
    this.payload = payload;
  }
}

/** An error of the component, as the bindings throw it: `payload` of an exception. */
export interface ComponentFailure {
  readonly code: ErrorCode;
  readonly place: string;
  readonly message: string;
  readonly traceback: string;
  readonly excess?: { readonly limit: LimitName; readonly maximum: bigint };
}

/** The component's failure that an exception carries; undefined for a trap. */
export function componentFailure(thrown: unknown): ComponentFailure | undefined {
  // Nothing but a caller of the seam without a component between sees the store's own failure.
  if (thrown instanceof StoreFailure) {
    const { payload } = thrown;
    const message = 'val' in payload ? payload.val : '';
    return { code: `store-${payload.tag}`, place: '', message, traceback: '' };
  }
  if (typeof thrown !== 'object' || thrown === null || !('payload' in thrown)) return undefined;
  const payload = thrown.payload;
  if (typeof payload !== 'object' || payload === null || !('code' in payload)) return undefined;
  return payload as ComponentFailure;
}

/** What is said where the code says all. */
const MESSAGES: { readonly [Code in ErrorCode]?: string } = {
  'store-conflict': 'Another transaction changed what this one read; run the call again.',
  'store-read-only': 'This call may only read, and it tried to write; call it without `readOnly`.',
  cancelled: 'The call was cancelled before its end; nothing was written.',
};

/** Codes of errors that are not about an argument. */
const PLACELESS = /^(script|syntax|cancelled|store-.*)$/;

/** The error a caller gets for a failure of the component. */
export function errorOf(failure: ComponentFailure): CuError {
  const { code, excess } = failure;
  const unknownTable = code === 'unknown-table';
  const message = unknownTable
    ? `There is no table "${failure.place}"; its first document makes it.`
    : excess !== undefined
      ? failure.message
      : at(failure.place, MESSAGES[code] ?? failure.message);
  return new CuError(code, message, {
    place: unknownTable ? 'table' : PLACELESS.test(code) ? undefined : failure.place,
    limit: excess?.limit,
    maximum: excess?.maximum,
    traceback: code === 'syntax' || code === 'script' ? failure.traceback : undefined,
    details: failure,
  });
}

/** The error for a component that broke down. */
export function trapError(thrown: unknown): CuError {
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return new CuError('trapped', `The call broke the component (${reason}); nothing was written.`, {
    cause: thrown,
  });
}

/** The same error for an operation that is so many operations further on than its place says. */
export function further(error: CuError, operations: number): CuError {
  const numbered = /^\[(\d+)\]/.exec(error.place ?? '');
  if (operations === 0 || numbered === null) return error;
  const place = `[${Number(numbered[1]) + operations}]${error.place!.slice(numbered[0].length)}`;
  const message = error.message.startsWith(error.place!)
    ? place + error.message.slice(error.place!.length)
    : error.message;
  const { code, limit, maximum, traceback, details } = error;
  return new CuError(code, message, { place, limit, maximum, traceback, details, cause: error });
}

/** The error for a call whose signal is raised. */
export function cancelledBy(signal: AbortSignal): CuError {
  return new CuError('cancelled', MESSAGES.cancelled!, { cause: signal.reason });
}

/** Throws `cancelled` once the signal is raised. */
export function stopIfAsked(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) {
    throw new CuError('cancelled', `${what} was cancelled before its end.`, { cause: signal.reason });
  }
}

/** The message behind its place. Some sentences are about what is at the place. */
function at(place: string, message: string): string {
  if (place === '') return message;
  return /^(is|has) /.test(message) ? `${place} ${message}` : `${place}: ${message}`;
}
