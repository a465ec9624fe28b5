/** Batches of operations on tables. */
import { type Outcome, outcomeOf } from '../batch.ts';
import type { Decoded } from '../cbor/decode.ts';
import { encode } from '../cbor/encode.ts';
import type { Value } from '../cbor/values.ts';
import { list } from '../component.ts';
import type { Engine } from '../engine/engine.ts';
import { CuError, componentFailure, errorOf } from '../errors.ts';
import { componentOptions } from '../options.ts';
import type { EnhancedConfig } from './config.ts';
import { EnhancedLuaError } from './errors.ts';
import { componentQuery, type EnhancedQuery, queryError, runQuery } from './query.ts';
import { HOME, tableName } from './target.ts';

const TYPES = ['set', 'get', 'delete', 'query'];

export type TableOperation =
  | { readonly type: 'set'; readonly table: string; readonly key: string | number; readonly value: unknown }
  | { readonly type: 'get' | 'delete'; readonly table: string; readonly key: string | number }
  | ({ readonly type: 'query'; readonly table: string } & (
      | { readonly query: EnhancedQuery }
      | Omit<EnhancedQuery, 'table'>
    ));

/** What came of an operation. One that failed has changed nothing. */
export interface OperationResult {
  readonly success: boolean;
  /** Of `get` the document, or null; of `delete` whether there was one; of `query` the documents. */
  readonly data?: Decoded;
  /** What was wrong. */
  readonly error?: string;
  /** The operation that failed. */
  readonly operation?: TableOperation;
}

/** An operation as the component takes it, or as Lua does it in `_home`. */
type Step =
  | { readonly kind: 'apply'; readonly operation: { readonly [member: string]: unknown } }
  | { readonly kind: 'home'; readonly source: string; readonly args: readonly unknown[] }
  | { readonly kind: 'query'; readonly query: object };

/** In `_home`, what is stored has to become a table where Lua would make one. */
const HOME_SOURCES: Record<string, string> = {
  set: 'local key, value = ...  _home[key] = value',
  get: 'local key = ...  return _home[key]',
  delete: 'local key = ...  local was = _home[key] ~= nil  _home[key] = nil  return was',
};

/** Operations as steps. Throws what is wrong with one of them. */
export function stepsOf(
  operations: unknown,
  config: EnhancedConfig,
  maximumBytes: number | undefined,
): Step[] {
  if (!Array.isArray(operations)) throw new EnhancedLuaError('INVALID_INPUT', 'Operations must be an array');
  if (operations.length > config.maxBatchSize) {
    throw new EnhancedLuaError('BATCH_SIZE_EXCEEDED', `Maximum batch size is ${config.maxBatchSize}`, null, {
      operations: operations.length,
      maximum: config.maxBatchSize,
    });
  }
  const steps = operations.map(stepOf);
  if (maximumBytes !== undefined) checkBytes(steps, maximumBytes);
  return steps;
}

function stepOf(operation: unknown, index: number): Step {
  const { type, table, key, value, query, ...rest } = (operation ?? {}) as Record<string, unknown>;
  const at = { operation: index };
  if (typeof type !== 'string' || !TYPES.includes(type)) {
    throw new EnhancedLuaError('INVALID_OPERATION_TYPE', `Invalid operation type: ${String(type)}`, null, at);
  }
  if (typeof table !== 'string' || table === '') {
    throw new EnhancedLuaError('INVALID_TABLE_NAME', 'Operation must have a valid table name', null, at);
  }
  if (type === 'query') return { kind: 'query', query: componentQuery(table, query ?? { ...rest, value }) };
  if ((typeof key !== 'string' || key === '') && !Number.isSafeInteger(key)) {
    throw new EnhancedLuaError('INVALID_KEY', 'Operation must have a valid key', null, at);
  }
  const name = tableName(table);
  if (name === HOME)
    return { kind: 'home', source: HOME_SOURCES[type]!, args: [key, ...(type === 'set' ? [value] : [])] };
  if (type !== 'set') return { kind: 'apply', operation: { op: type, table: name, key } };
  // Lua deletes by nil, and so does null.
  if (value === undefined || value === null)
    return { kind: 'apply', operation: { op: 'delete', table: name, key } };
  return { kind: 'apply', operation: { op: 'put', table: name, key, value } };
}

function checkBytes(steps: readonly Step[], maximum: number): void {
  const bytes = encode(steps as unknown as Value, 'operations').length;
  if (bytes <= maximum) return;
  throw new EnhancedLuaError('BATCH_SIZE_EXCEEDED', `Maximum batch size is ${maximum} bytes`, null, {
    bytes,
    maximum,
  });
}

/** Takes the steps, each for itself, and tells what came of each. */
export function takeSteps(
  engine: Engine,
  steps: readonly Step[],
  operations: readonly TableOperation[],
): OperationResult[] {
  const results: OperationResult[] = [];
  for (let from = 0; from < steps.length; ) {
    let to = from;
    while (steps[to]?.kind === 'apply') to++;
    const outcomes = to > from ? applyAll(engine, steps.slice(from, to)) : [takeStep(engine, steps[from]!)];
    for (const { result, error } of outcomes) {
      const operation = operations[results.length]!;
      if (error !== undefined) results.push({ success: false, error: error.message, operation });
      else
        results.push(
          operation.type === 'set' ? { success: true } : { success: true, data: result as Decoded },
        );
    }
    from += outcomes.length;
  }
  return results;
}

function applyAll(engine: Engine, steps: readonly Step[]): Outcome<unknown>[] {
  const operations = steps.map((step) => (step as Step & { kind: 'apply' }).operation);
  let bytes: Uint8Array;
  try {
    bytes = encode({ operations, mode: 'best-effort' } as unknown as Value, 'operations');
  } catch (error) {
    if (!(error instanceof CuError) || steps.length === 1) return [failed(error)];
    // One that can't be stored keeps none of the others from it.
    return steps.flatMap((step) => applyAll(engine, [step]));
  }
  return list(engine.documents.apply(bytes)).map((outcome) => outcomeOf(outcome as never));
}

function takeStep(engine: Engine, step: Step): Outcome<unknown> {
  try {
    if (step.kind === 'query') return { result: runQuery(engine, step.query) };
    const { source, args } = step as Step & { kind: 'home' };
    const results = list(engine.lua.eval(source, encode(args as Value, 'operation'), componentOptions({})));
    return { result: results[0] ?? null };
  } catch (error) {
    return failed(error);
  }
}

/** A failure of one operation; anything else ends the batch. */
function failed(thrown: unknown): { error: CuError } {
  const failure = componentFailure(thrown);
  if (failure !== undefined && !failure.code.startsWith('store-')) return { error: errorOf(failure) };
  if (thrown instanceof CuError) return { error: thrown };
  throw thrown;
}

/** What a batch that failed as a whole is told by. */
export function batchError(error: unknown): EnhancedLuaError {
  if (error instanceof EnhancedLuaError) return error;
  return new EnhancedLuaError('BATCH_OPERATION_FAILED', queryError(error).message, error);
}
