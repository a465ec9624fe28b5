/** What an edit of a document changes: only what is different is written, so that floats, functions and all else stay. */
import type { Change, Decoded, Value } from 'cu-db';
import { isMap, toJson } from '../base/json.ts';

/** The changes that lead from one map to another. */
export function changesOf(
  before: { readonly [name: string]: Decoded },
  after: { readonly [name: string]: Value },
  path: readonly string[] = [],
): Change[] {
  const changes: Change[] = [];
  for (const name of Object.keys(before)) {
    if (!Object.hasOwn(after, name)) changes.push({ op: 'unset', field: [...path, name] });
  }
  for (const [name, value] of Object.entries(after)) {
    const field = [...path, name];
    const old = Object.hasOwn(before, name) ? before[name] : undefined;
    if (old !== undefined && toJson(old) === toJson(value)) continue;
    if (isMap(old) && isMap(value)) changes.push(...changesOf(old, value as never, field));
    else changes.push({ op: 'set', field, value });
  }
  return changes;
}
