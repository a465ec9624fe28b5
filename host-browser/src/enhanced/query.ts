/** Queries of one condition on one table. */
import type { Decoded } from '../cbor/decode.ts';
import { list, queryBytes } from '../component.ts';
import type { Engine } from '../engine/engine.ts';
import { CuError, componentFailure } from '../errors.ts';
import { EnhancedLuaError } from './errors.ts';
import { tableAndField } from './target.ts';

const OPERATORS = [
  '=',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'between',
  'startsWith',
  'endsWith',
  'contains',
  'in',
] as const;

export type EnhancedOperator = (typeof OPERATORS)[number];

export interface EnhancedQuery {
  /** The table, if the one that is asked is `_home`. */
  readonly table?: string;
  /** A member of the documents, or a path with dots. */
  readonly field: string;
  readonly operator: EnhancedOperator;
  /** What the field is compared with: `[lower, upper]` for `between`, an array for `in`. */
  readonly value?: unknown;
  readonly limit?: number;
  /** How many documents to leave out before the first. */
  readonly offset?: number;
  /** The order of the field's values; `asc` by default. */
  readonly sort?: 'asc' | 'desc';
}

/** A query as the component takes it. Throws what is wrong with it. */
export function componentQuery(table: unknown, query: unknown): object {
  if (typeof query !== 'object' || query === null) {
    throw new EnhancedLuaError('INVALID_QUERY_FIELD', 'Query must specify a field');
  }
  const { table: inner, field, operator, value, limit, offset, sort } = query as Record<string, unknown>;
  if (typeof field !== 'string' || field === '') {
    throw new EnhancedLuaError('INVALID_QUERY_FIELD', 'Query must specify a field');
  }
  if (typeof operator !== 'string' || operator === '') {
    throw new EnhancedLuaError('INVALID_QUERY_OPERATOR', 'Query must specify an operator');
  }
  if (!(OPERATORS as readonly string[]).includes(operator)) {
    throw new EnhancedLuaError('UNSUPPORTED_OPERATOR', `Unsupported operator: ${operator}`);
  }
  if (limit !== undefined && !(Number.isSafeInteger(limit) && (limit as number) > 0)) {
    throw new EnhancedLuaError('INVALID_QUERY_LIMIT', 'Query limit must be a positive number');
  }
  if (offset !== undefined && !(Number.isSafeInteger(offset) && (offset as number) >= 0)) {
    throw new EnhancedLuaError('INVALID_QUERY_OFFSET', 'Query offset must be 0 or a positive number');
  }
  if (sort !== undefined && sort !== 'asc' && sort !== 'desc') {
    throw new EnhancedLuaError('INVALID_QUERY_SORT', `Query sort must be 'asc' or 'desc'`);
  }
  const target = tableAndField(table, field, inner);
  return {
    table: target.table,
    where: { field: target.field, op: operator, value: value ?? null },
    sort: [{ field: target.field, descending: sort === 'desc' }],
    ...(limit !== undefined && { limit }),
    ...(offset !== undefined && { offset }),
  };
}

/** The documents that a query finds. A table that is not there has none. */
export function runQuery(engine: Engine, query: object): Decoded[] {
  try {
    return list(engine.queries.run(queryBytes(query))).map((row) => (row as [unknown, Decoded])[1]);
  } catch (error) {
    if (componentFailure(error)?.code === 'unknown-table') return [];
    throw error;
  }
}

/** What a query that failed is told by. */
export function queryError(error: unknown): EnhancedLuaError {
  const { message } = error as Error;
  const isValue = error instanceof CuError && error.code.startsWith('invalid');
  return new EnhancedLuaError(isValue ? 'INVALID_QUERY_VALUE' : 'QUERY_FAILED', message, error);
}
