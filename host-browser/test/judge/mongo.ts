/**
 * A query of Cu in MongoDB's words.
 *
 * Where both mean something else by the same word, the translation says what Cu means; so the judge decides about
 * what is left. The differences, and what becomes of them:
 *
 * - An operator of MongoDB that meets a list tries its elements, too. Cu's `any`, `all` and `contains` say so: here,
 *   all others are kept from lists (`whole`).
 * - `$gt` and its kin with null are true for null. Cu's are about values of the operand's type: null is never sent.
 * - `$exists` is true for a member that is null; in Cu it does not exist then. A group by MongoDB tells null from
 *   absent, and a projection keeps null. Both are made as in Cu.
 * - Where nothing is grouped by anything, MongoDB has no row for no documents; Cu has one that says so.
 * - An empty `$and` or `$or` is an error.
 * - The order of the types of values differs; so sorts, `min` and `max` are asked for fields of one type only. Texts
 *   are compared by UTF-16 there, and bytewise here: none beyond U+FFFF is generated.
 * - JavaScript has one type of numbers; so `integer` and `float` apart, and integers beyond 2^53, are left to other
 *   tests. So are bytes, paths through list positions, and Lua's patterns beyond those that regular expressions share.
 */
import type { Condition } from '../../src/index.ts';

export type Criteria = { [member: string]: unknown };

const NONE: Criteria = { $nor: [{}] };

const TYPES: Readonly<Record<string, string>> = {
  boolean: 'bool',
  number: 'number',
  text: 'string',
  list: 'array',
  map: 'object',
};

const COMPARISONS: Readonly<Record<string, string>> = { '<': '$lt', '<=': '$lte', '>': '$gt', '>=': '$gte' };

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

interface Field {
  readonly field: string | readonly unknown[];
  readonly op: string;
  readonly value: unknown;
}

/** The criteria that a document meets if, and only if, it meets the condition. */
export function criteria(condition: Condition): Criteria {
  if ('and' in condition) return condition.and.length === 0 ? {} : { $and: condition.and.map(criteria) };
  if ('or' in condition) return condition.or.length === 0 ? NONE : { $or: condition.or.map(criteria) };
  if ('not' in condition) return { $nor: [criteria(condition.not)] };
  if ('lua' in condition) throw new Error('the judge knows no Lua');
  return fieldCriteria(condition as Field);
}

function fieldCriteria(condition: Field): Criteria {
  const { op, value } = condition;
  const field = condition.field as string;
  switch (op) {
    case '!=':
      return { $nor: [fieldCriteria({ ...condition, op: '=' })] };
    case 'not in':
      return { $nor: [fieldCriteria({ ...condition, op: 'in' })] };
    case 'any':
      return { [field]: { $elemMatch: element(value as Field) } };
    case 'all':
      return {
        $and: [
          { [field]: { $type: 'array' } },
          { [field]: { $not: { $elemMatch: negated(value as Field) } } },
        ],
      };
    case 'contains':
      return typeof value === 'string'
        ? { $or: [whole(field, tests(condition)), { [field]: { $elemMatch: { $eq: value } } }] }
        : { [field]: { $elemMatch: { $eq: value } } };
    case 'type': {
      const types = [value].flat() as string[];
      return {
        $or: types.map((type) => (type === 'null' ? { [field]: null } : { [field]: { $type: TYPES[type] } })),
      };
    }
    case 'exists':
      return value === true ? { [field]: { $ne: null } } : { [field]: null };
    case '=':
      return Array.isArray(value) ? { [field]: { $eq: value } } : whole(field, tests(condition));
    default:
      return whole(field, tests(condition));
  }
}

/** What is no list, and passes the tests. */
function whole(field: string, passes: Criteria): Criteria {
  return { $and: [{ [field]: { $not: { $type: 'array' } } }, { [field]: passes }] };
}

/** The tests of a scalar. */
function tests({ op, value }: Field): Criteria {
  const comparison = COMPARISONS[op];
  if (comparison !== undefined) return { [comparison]: value };
  switch (op) {
    case '=':
      return { $eq: value };
    case 'in':
      return { $in: value };
    case 'between': {
      const { lower, upper, lowerOpen, upperOpen } = (
        Array.isArray(value) ? { lower: value[0], upper: value[1] } : value
      ) as { lower: unknown; upper: unknown; lowerOpen?: boolean; upperOpen?: boolean };
      return { [lowerOpen ? '$gt' : '$gte']: lower, [upperOpen ? '$lt' : '$lte']: upper };
    }
    case 'contains':
      return { $regex: new RegExp(escaped(value as string), 's') };
    case 'startsWith':
      return { $regex: new RegExp(`^${escaped(value as string)}`, 's') };
    case 'endsWith':
      return { $regex: new RegExp(`${escaped(value as string)}$`, 's') };
    case 'matches':
      return { $regex: new RegExp((value as string).replaceAll('%d', '\\d'), 's') };
    default:
      throw new Error(`the judge does not know ${op}`);
  }
}

/** The tests of an element, or of its members. */
function element(condition: Field): Criteria {
  if (condition.field.length > 0) return criteria(condition as Condition);
  const { op, value } = condition;
  switch (op) {
    case '!=':
      return { $not: { $eq: value } };
    case 'not in':
      return { $nin: value };
    case 'exists':
      return value === true ? { $ne: null } : { $eq: null };
    case 'type': {
      const types = ([value].flat() as string[]).map((type) => TYPES[type] ?? 'null');
      // Elements are never null.
      return { $type: types.length === 1 ? types[0] : types };
    }
    default:
      return tests(condition);
  }
}

function negated(condition: Field): Criteria {
  return condition.field.length > 0
    ? { $nor: [criteria(condition as Condition)] }
    : { $not: element(condition) };
}
