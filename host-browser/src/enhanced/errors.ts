/** The error class of the enhanced interface, its codes, and what to do about each. */
import { CuError } from '../errors.ts';

/** The codes, and what the error of each suggests. */
export const SUGGESTIONS = {
  NOT_INITIALIZED: 'Await init() before the first call.',
  INIT_FAILED: "Look at details; storage: 'memory' works where the page may not use IndexedDB.",
  WASM_LOAD_FAILED:
    'Use Chrome 137, Firefox 131, Safari 18.4 or later, and serve cu.core.wasm beside the script.',
  INVALID_INPUT: 'Give what the message asks for.',
  INVALID_FUNCTION_CODE: 'Give the source of a Lua function, such as function(x) return x * 2 end.',
  FUNCTION_TOO_LARGE: 'Keep data out of functions: store it in a table and read it there.',
  INVALID_FUNCTION_SYNTAX: 'Give a function, or a chunk that returns one.',
  FUNCTION_COMPILATION_FAILED: 'Mend the Lua source where the message points.',
  UNSAFE_FUNCTION_CODE: 'Leave out what the sandbox does not have, or pass validate: false.',
  PERSIST_FUNCTION_FAILED: 'Look at details for what was wrong.',
  INVALID_OPERATION_TYPE: "Use one of 'set', 'get', 'delete' and 'query' as type.",
  INVALID_TABLE_NAME: 'Give the name of a table as a string that is not empty.',
  INVALID_KEY: 'Give a string that is not empty, or a whole number.',
  BATCH_SIZE_EXCEEDED: 'Send the operations in several batches, or raise the limit in the configuration.',
  BATCH_OPERATION_FAILED: 'Look at details for the operation that failed.',
  INVALID_INDEX_FIELD: "Name the field that is to be indexed, such as 'age' or 'address.city'.",
  INVALID_INDEX_TYPE: "Use 'btree', or 'hash' for fields that are only compared by = and in.",
  CREATE_INDEX_FAILED: 'Look at details for what was wrong.',
  INVALID_QUERY_FIELD: "Name the field that is compared, such as 'age' or 'address.city'.",
  INVALID_QUERY_OPERATOR: 'Use one of = != < <= > >= between startsWith endsWith contains in.',
  UNSUPPORTED_OPERATOR: 'Use one of = != < <= > >= between startsWith endsWith contains in.',
  INVALID_QUERY_VALUE:
    'Give a value that fits the operator: two values for between, an array for in, a string for startsWith.',
  INVALID_QUERY_LIMIT: 'Leave limit out for all documents.',
  INVALID_QUERY_OFFSET: 'Leave offset out to begin with the first document.',
  INVALID_QUERY_SORT: "Use 'asc' or 'desc'.",
  QUERY_FAILED: 'Look at details for what was wrong.',
  LUA_EXECUTION_ERROR: 'Mend the Lua code where the message points; details.traceback has the calls.',
  EVAL_FAILED: 'Look at details; nothing was written.',
  SAVE_STATE_FAILED: 'The changes are still in memory: make room or reload the page, and save again.',
  LOAD_STATE_FAILED: 'Look at details.',
} as const;

/** What can go wrong. */
export type EnhancedErrorCode = keyof typeof SUGGESTIONS;

/** What is known of the error behind an error. */
export interface EnhancedErrorDetails {
  /** The code of the database's own error. */
  readonly code?: string;
  /** The argument, or the path inside of it. */
  readonly place?: string;
  readonly limit?: string;
  readonly maximum?: number;
  /** The Lua stack, innermost call first. */
  readonly traceback?: string;
  readonly [more: string]: unknown;
}

/**
 * Every error of the enhanced interface.
 *
 * ```ts
 * try {
 *   await db.queryTable('users', { field: 'age', operator: '~', value: 1 });
 * } catch (error) {
 *   console.log(error.code, error.suggestion); // 'UNSUPPORTED_OPERATOR', 'Use one of = != …'
 * }
 * ```
 */
export class EnhancedLuaError extends Error {
  override readonly name = 'EnhancedLuaError';
  readonly code: EnhancedErrorCode;
  /** When it happened, in ISO 8601. */
  readonly timestamp: string;
  readonly details: EnhancedErrorDetails;
  /** What to do about it. */
  readonly suggestion: string;
  /** The error behind it, or null. */
  readonly originalError: unknown;

  static {
    // Minifying renames the class, and consoles show the class.
    Object.defineProperty(EnhancedLuaError, 'name', { value: 'EnhancedLuaError' });
  }

  constructor(
    code: EnhancedErrorCode,
    message: string,
    originalError: unknown = null,
    details: EnhancedErrorDetails = detailsOf(originalError),
  ) {
    super(message, originalError === null ? undefined : { cause: originalError });
    this.code = code;
    this.timestamp = new Date().toISOString();
    this.details = details;
    this.suggestion = SUGGESTIONS[code];
    this.originalError = originalError;
  }

  toJSON(): Record<string, unknown> {
    const { name, code, message, timestamp, details, suggestion, stack, originalError } = this;
    const original = originalError instanceof Error ? originalError.message : undefined;
    return { name, code, message, timestamp, details, suggestion, stack, originalError: original };
  }
}

function detailsOf(error: unknown): EnhancedErrorDetails {
  if (!(error instanceof CuError)) return {};
  const { code, place, limit, maximum, traceback } = error;
  return {
    code,
    ...(place !== undefined && { place }),
    ...(limit !== undefined && { limit }),
    ...(maximum !== undefined && { maximum: Number(maximum) }),
    ...(traceback !== undefined && { traceback }),
  };
}
