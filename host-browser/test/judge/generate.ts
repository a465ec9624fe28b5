/** Random documents and queries, of what Cu and MongoDB both know. */
import type { Condition, Query } from '../../src/index.ts';
import type { Random } from '../unit/random.ts';

export type Scalar = null | boolean | number | string;
export type Document = { _id: number; [member: string]: unknown };

/** A field whose values are all of one type, null or absent: what both sort in the same way. */
const SORTED = ['n', 's', 'b', 'o.x', 'o.y'] as const;
const SCALARS = [...SORTED, 'm'] as const;
const WORDS = ['', 'a', 'ab', 'abc', 'b', 'ba', 'bb', 'ca.', 'größe', '中', 'c*', 'x1'];
/** Patterns that mean the same in Lua and in regular expressions, once `%d` is `\d`. */
const PATTERNS = ['a', '^a', 'b$', '^b.$', 'a.*c', '[ab]c', '%d', '^[^a]', 'ab*c', 'b+', '^$'];

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.below(from.length)]!;
}

const number = (random: Random) => (random.below(40) - 12) / pick(random, [1, 1, 1, 4]);
const text = (random: Random) => pick(random, WORDS);
const boolean = (random: Random) => random.below(2) === 0;
const scalar = (random: Random): Scalar =>
  pick<(random: Random) => Scalar>(random, [number, text, boolean])(random);

function times<T>(random: Random, most: number, make: (random: Random) => T): T[] {
  return Array.from({ length: random.below(most + 1) }, () => make(random));
}

/** A document. `n`, `s` and `b` have one type each, `m` any, `l` lists, `v` lists of maps, `o` a map. */
export function document(random: Random, _id: number): Document {
  const made: Document = { _id };
  const sometimes = (name: string, make: (random: Random) => unknown) => {
    const what = random.below(10);
    if (what > 1) made[name] = make(random);
    else if (what === 1) made[name] = null;
  };
  sometimes('n', number);
  sometimes('s', text);
  sometimes('b', boolean);
  sometimes('m', () => pick<(random: Random) => unknown>(random, [scalar, scalar, list, point])(random));
  sometimes('l', list);
  sometimes('v', () => times(random, 3, point));
  sometimes('o', point);
  return made;
}

const list = (random: Random) => times(random, 4, scalar);

function point(random: Random): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  if (random.below(6) > 0) made.x = number(random);
  if (random.below(6) > 0) made.y = text(random);
  return made;
}

/** What a field is compared with, most of the time of its own type. */
function operand(random: Random, field: string): Scalar {
  const own = field.at(-1);
  if (random.below(12) === 0 || own === 'm' || own === 'l') return scalar(random);
  if (own === 'n' || own === 'x') return number(random);
  if (own === 's' || own === 'y') return text(random);
  return own === 'b' ? boolean(random) : scalar(random);
}

function scalarCondition(random: Random, field: string | []): Condition {
  const name = typeof field === 'string' ? field : 'l';
  const value = () => operand(random, name);
  switch (random.below(12)) {
    case 0:
      return { field, op: '=', value: random.below(5) === 0 ? null : value() };
    case 1:
      return { field, op: '!=', value: random.below(5) === 0 ? null : value() };
    case 2:
      return { field, op: pick(random, ['<', '<=', '>', '>='] as const), value: value() };
    case 3: {
      const open = { lowerOpen: boolean(random), upperOpen: boolean(random) };
      const lower = value();
      // Both ends are of one type.
      let upper = value();
      while (typeof upper !== typeof lower) upper = value();
      return random.below(2) === 0
        ? { field, op: 'between', value: [lower, upper] }
        : { field, op: 'between', value: { lower, upper, ...open } };
    }
    case 4:
      return { field, op: pick(random, ['in', 'not in'] as const), value: times(random, 3, value) };
    case 5:
      return { field, op: 'contains', value: text(random) };
    case 6:
      return { field, op: pick(random, ['startsWith', 'endsWith'] as const), value: text(random) };
    case 7:
      return { field, op: 'matches', value: pick(random, PATTERNS) };
    case 8:
      return { field, op: 'exists', value: boolean(random) };
    case 9:
      return {
        field,
        op: 'type',
        value: pick(random, [
          'null',
          'boolean',
          'number',
          'text',
          'list',
          'map',
          ['text', 'number'],
        ] as const),
      };
    default:
      return { field, op: pick(random, ['=', '>=', '<'] as const), value: value() };
  }
}

function listCondition(random: Random): Condition {
  const elements = (field: string, value: Condition): Condition =>
    random.below(2) === 0 ? { field, op: 'any', value } : { field, op: 'all', value };
  switch (random.below(4)) {
    case 0:
      return { field: pick(random, ['l', 'm']), op: 'contains', value: scalar(random) };
    case 1:
      return elements(pick(random, ['l', 'm']), scalarCondition(random, []));
    case 2:
      return elements('v', scalarCondition(random, pick(random, ['x', 'y'])));
    default:
      return { field: 'l', op: '=', value: list(random) };
  }
}

export function condition(random: Random, depth = 3): Condition {
  const what = random.below(depth > 0 ? 10 : 6);
  if (what < 4) return scalarCondition(random, pick(random, SCALARS));
  if (what < 6) return listCondition(random);
  if (what < 8) return { and: times(random, 3, () => condition(random, depth - 1)) };
  if (what < 9) return { or: times(random, 3, () => condition(random, depth - 1)) };
  return { not: condition(random, depth - 1) };
}

const AGGREGATED = ['n', 'o.x'] as const;

/** A query on the table `t`. */
export function query(random: Random): Query {
  const where = random.below(8) === 0 ? {} : { where: condition(random) };
  const bounds = {
    ...(random.below(3) === 0 && { limit: random.below(12) }),
    ...(random.below(4) === 0 && { offset: random.below(6) }),
  };
  const field = () => pick(random, SORTED);
  const sort = Array.from({ length: random.below(3) }, () => ({
    field: field(),
    descending: boolean(random),
  }));
  switch (random.below(6)) {
    case 0: {
      const select = [{ field: field(), as: 'a' }, { field: pick(random, SCALARS), as: 'c' }, 's'];
      return { table: 't', ...where, ...bounds, sort, select };
    }
    case 1: {
      const select = [
        { field: field(), as: 'a' },
        { field: field(), as: 'c' },
      ].slice(random.below(2));
      return { table: 't', ...where, select, distinct: true };
    }
    case 2: {
      const columns = [
        { field: field(), as: 'a' },
        { field: field(), as: 'c' },
      ].slice(random.below(3));
      const groupBy = columns.length > 0 ? { groupBy: columns } : {};
      const aggregate = {
        count: { op: 'count' },
        some: { op: 'count', field: pick(random, SCALARS) },
        sum: { op: 'sum', field: pick(random, ['n', 'o.x', 'm', 's']) },
        avg: { op: 'avg', field: pick(random, ['n', 'o.x', 'm']) },
        low: { op: 'min', field: pick(random, AGGREGATED) },
        high: { op: 'max', field: field() },
      } as const;
      const having: { having?: Condition } =
        random.below(3) === 0 ? { having: { field: 'count', op: '>', value: random.below(3) } } : {};
      return { table: 't', ...where, ...groupBy, aggregate, ...having };
    }
    default:
      return { table: 't', ...where, ...bounds, sort };
  }
}
