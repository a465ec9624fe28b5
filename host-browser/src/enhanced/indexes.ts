/** Indexes, and when each was made. */
import { type Decoded, decode } from '../cbor/decode.ts';
import { encode } from '../cbor/encode.ts';
import type { Value } from '../cbor/values.ts';
import type { Engine } from '../engine/engine.ts';
import { componentFailure } from '../errors.ts';
import { EnhancedLuaError } from './errors.ts';
import { tableAndField } from './target.ts';

export type IndexType = 'btree' | 'hash';

export interface EnhancedIndex {
  readonly table: string;
  readonly field: string;
  readonly type: IndexType;
  /** When it was made, in milliseconds since 1970. */
  readonly created: number;
}

/** The table that keeps what an index of the database has no place for: when it was made. */
const INDEX_TABLE = 'enhanced_indexes';

/** What makes an index, or finds that it is there. Throws what is wrong with what was given. */
export function createdIndex(
  table: unknown,
  field: unknown,
  type: unknown,
): (engine: Engine) => EnhancedIndex {
  if (typeof field !== 'string' || field === '') {
    throw new EnhancedLuaError('INVALID_INDEX_FIELD', 'Index must have a field');
  }
  if (type !== 'btree' && type !== 'hash') {
    throw new EnhancedLuaError('INVALID_INDEX_TYPE', `Invalid index type: ${String(type)}`);
  }
  const target = tableAndField(table, field);
  const wanted: EnhancedIndex = { ...target, type, created: Date.now() };
  const name = type === 'hash' ? `${target.field}:hash` : target.field;
  const definition = encode({ fields: [target.field], kind: type, name } as Value, 'definition');
  const key = { tag: 'text', val: `${target.table}:${target.field}:${type}` } as const;
  return (engine) => {
    engine.indexes.create(target.table, definition);
    const known = engine.documents.get(INDEX_TABLE, key);
    if (known !== undefined) return decode(known) as unknown as EnhancedIndex;
    engine.documents.put(INDEX_TABLE, key, encode(wanted as unknown as Value, 'index'));
    return wanted;
  };
}

/** The indexes that were made, those that are gone since left out. */
export function readIndexes(engine: Engine): EnhancedIndex[] {
  let rows: [Decoded, Decoded][];
  try {
    rows = decode(
      engine.documents.scan(INDEX_TABLE, { backward: false, limit: 0xffff_ffff }).rows,
    ) as typeof rows;
  } catch (error) {
    if (componentFailure(error)?.code === 'unknown-table') return [];
    throw error;
  }
  const tables = new Set(engine.tables.list().map(({ name }) => name));
  return rows.map(([, index]) => index as unknown as EnhancedIndex).filter(({ table }) => tables.has(table));
}
