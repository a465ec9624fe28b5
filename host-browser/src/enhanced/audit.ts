/**
 * The audit log: a table of the database, with one document for each call that is logged, by when it was made.
 *
 * An entry is written by the same commit as what it tells of, so there is none without the other; that of a call that
 * failed by a commit of its own.
 */
import { type Decoded, decode } from '../cbor/decode.ts';
import { encode } from '../cbor/encode.ts';
import type { Value } from '../cbor/values.ts';
import { queryBytes } from '../component.ts';
import type { Engine } from '../engine/engine.ts';
import { componentFailure } from '../errors.ts';

/** The table that has the entries; Lua sees it as `_home.audit_log`. */
export const AUDIT_TABLE = 'audit_log';

export interface AuditEntry {
  /** When, in ISO 8601. */
  readonly timestamp: string;
  readonly level: 'info' | 'warn' | 'error';
  /** What, in a sentence. */
  readonly message: string;
  /** The method that was called. */
  readonly api: string;
  readonly outcome: 'ok' | 'failed';
  /** The error's code, of a call that failed. */
  readonly code?: string;
}

/** How many entries one call of the component reads. */
const PAGE = 1000;

/** Adds an entry, and gives up the oldest of more than `limit`. */
export function addEntry(engine: Engine, entry: AuditEntry, limit: number): void {
  if (limit === 0) return;
  const operations: object[] = [
    { op: 'insert', table: AUDIT_TABLE, key: freeKey(engine, entry), value: entry },
  ];
  const surplus = count(engine) + 1 - limit;
  for (const key of surplus > 0 ? oldest(engine, surplus) : []) {
    operations.push({ op: 'delete', table: AUDIT_TABLE, key });
  }
  engine.documents.apply(encode(operations as unknown as Value, 'audit'));
}

/** All entries, the oldest first. */
export function readEntries(engine: Engine): AuditEntry[] {
  const entries: AuditEntry[] = [];
  let start: { tag: 'integer'; val: bigint } | undefined;
  if (!exists(engine)) return entries;
  for (;;) {
    const page = engine.documents.scan(AUDIT_TABLE, {
      ...(start && { start }),
      backward: false,
      limit: PAGE,
    });
    for (const [, entry] of decode(page.rows) as [Decoded, Decoded][])
      entries.push(entry as unknown as AuditEntry);
    if (page.next === undefined) return entries;
    start = page.next as typeof start;
  }
}

/** Deletes all entries. */
export function clearEntries(engine: Engine): void {
  engine.tables.drop(AUDIT_TABLE);
}

/** Microseconds since 1970, or the first number behind them that is free. */
function freeKey(engine: Engine, entry: AuditEntry): number {
  let key = Date.parse(entry.timestamp) * 1000;
  while (engine.documents.get(AUDIT_TABLE, { tag: 'integer', val: BigInt(key) }) !== undefined) key++;
  return key;
}

function count(engine: Engine): number {
  return exists(engine) ? Number(engine.queries.count(queryBytes({ table: AUDIT_TABLE }))) : 0;
}

function oldest(engine: Engine, limit: number): Decoded[] {
  const { rows } = engine.documents.scan(AUDIT_TABLE, { backward: false, limit });
  return (decode(rows) as [Decoded, Decoded][]).map(([key]) => key);
}

function exists(engine: Engine): boolean {
  try {
    engine.indexes.list(AUDIT_TABLE);
    return true;
  } catch (error) {
    if (componentFailure(error)?.code === 'unknown-table') return false;
    throw error;
  }
}
