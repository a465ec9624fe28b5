/** A query as a form says it, and the query that it stands for. */
import { CuError, type Query, type Value } from 'cu-db';
import { fromJson, isMap, toJson } from '../base/json.ts';

/** The operators that a form offers; JSON has `any` and `all`, too. */
export const OPERATORS = [
  '=',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'between',
  'in',
  'not in',
  'contains',
  'startsWith',
  'endsWith',
  'matches',
  'exists',
  'type',
] as const;

export type FormOperator = (typeof OPERATORS)[number];

export interface Line {
  readonly field: string;
  readonly op: FormOperator;
  readonly value: string;
}

export interface Form {
  readonly table: string;
  readonly join: 'and' | 'or';
  readonly lines: readonly Line[];
  /** Fields with commas between, `-` before those that go down. */
  readonly sort: string;
  readonly limit: string;
}

export const NEW_LINE: Line = { field: '', op: '=', value: '' };

/** The query of a form. */
export function queryOf({ table, join, lines, sort, limit }: Form): Query {
  const conditions = lines
    .filter(({ field }) => field.trim() !== '')
    .map(({ field, op, value }) => ({ field: field.trim(), op, value: operandOf(op, value) }));
  const [first, ...others] = conditions;
  const where = others.length === 0 ? first : { [join]: conditions };
  const order = sort
    .split(',')
    .map((said) => said.trim())
    .filter((said) => said !== '')
    .map((said) => (said.startsWith('-') ? { field: said.slice(1), descending: true } : { field: said }));
  return {
    table,
    ...(where && { where }),
    ...(order.length > 0 && { sort: order }),
    ...(limit.trim() !== '' && { limit: wholeNumber(limit) }),
  } as Query;
}

function wholeNumber(said: string): number {
  const number = Number(said);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new CuError('invalid-query', 'The limit is a whole number, or empty for all rows.', {
    place: 'limit',
  });
}

/** What a field is compared with: JSON, or a text without quotes. Lists may be without brackets. */
function operandOf(op: FormOperator, said: string): Value {
  if (op === 'startsWith' || op === 'endsWith' || op === 'matches') return unquoted(said);
  if (op !== 'between' && op !== 'in' && op !== 'not in') return scalarOf(said);
  if (/^\s*[[{]/.test(said)) return fromJson(said);
  return said.split(',').map(scalarOf);
}

function scalarOf(said: string): Value {
  try {
    return fromJson(said);
  } catch {
    return said.trim();
  }
}

function unquoted(said: string): Value {
  const value = /^\s*".*"\s*$/s.test(said) ? scalarOf(said) : said;
  return typeof value === 'string' ? value : said;
}

/** The form of a query; undefined if a form can't say it. */
export function formOf(query: unknown): Form | undefined {
  if (!isMap(query)) return undefined;
  const { table, where, sort = [], limit, ...others } = query;
  if (typeof table !== 'string' || Object.keys(others).length > 0 || !Array.isArray(sort)) return undefined;
  const join = isMap(where) && Array.isArray(where.or) ? 'or' : 'and';
  const conditions =
    isMap(where) && Array.isArray(where[join]) ? (where[join] as unknown[]) : where ? [where] : [];
  const lines = conditions.map(lineOf);
  const order = (sort as unknown[]).map(orderOf);
  if (!lines.every((line) => line !== undefined) || !order.every((said) => said !== undefined))
    return undefined;
  return { table, join, lines, sort: order.join(', '), limit: limit === undefined ? '' : toJson(limit) };
}

function lineOf(condition: unknown): Line | undefined {
  if (!isMap(condition)) return undefined;
  const { field, op, value, ...others } = condition;
  const known = OPERATORS.find((operator) => operator === op);
  if (typeof field !== 'string' || known === undefined || Object.keys(others).length > 0) return undefined;
  const plain = typeof value === 'string' && scalarOf(value) === value;
  return { field, op: known, value: plain ? (value as string) : toJson(value) };
}

function orderOf(said: unknown): string | undefined {
  if (typeof said === 'string') return said;
  if (!isMap(said) || typeof said.field !== 'string') return undefined;
  return said.descending === true ? `-${said.field}` : said.field;
}
