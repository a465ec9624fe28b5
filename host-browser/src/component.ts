/** Words of the typed API as the component takes and gives them. */
import { type Decoded, decode } from './cbor/decode.ts';
import { encode } from './cbor/encode.ts';
import type { Value } from './cbor/values.ts';
import { CuError } from './errors.ts';
import { checkText, whole } from './options.ts';
import type { IndexInfo } from './query/queries.ts';
import type { Key } from './types.ts';

/** A key as the component takes it. */
export function componentKey(key: Key, place = 'key') {
  switch (typeof key) {
    case 'string':
      return { tag: 'text' as const, val: checkText(key, place) };
    case 'number':
    case 'bigint':
      return { tag: 'integer' as const, val: whole(key, place, -(2n ** 63n), 2n ** 63n) };
    default:
      if (key instanceof Uint8Array) return { tag: 'bytes' as const, val: key };
      throw new CuError('invalid-argument', `${place} must be a whole number, a string or a Uint8Array.`, {
        place,
      });
  }
}

/** What the component tells of an index. */
export function indexInfo(info: { name: string; definition: Uint8Array; entries: bigint }): IndexInfo {
  return {
    name: info.name,
    definition: decode(info.definition) as unknown as IndexInfo['definition'],
    entries: Number(info.entries),
  };
}

/** The elements of an array. */
export function list(bytes: Uint8Array): Decoded[] {
  return decode(bytes) as Decoded[];
}

/** Whether something is an array; `Array.isArray` leaves out those that can't be changed. */
export function isList(definition: unknown): definition is readonly unknown[] {
  return Array.isArray(definition);
}

/** A query as the component takes it. */
export function queryBytes(query: object): Uint8Array {
  return encode(query as Value, 'query');
}

/** Whether something gives elements one by one. */
export function isIterable(operations: unknown): boolean {
  if (typeof operations !== 'object' || operations === null) return false;
  return Symbol.iterator in operations || Symbol.asyncIterator in operations;
}
