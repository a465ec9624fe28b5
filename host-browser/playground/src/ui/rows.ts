/** Results as rows and columns. */
import type { Decoded, Key } from 'cu-db';
import { isMap, toJson } from '../base/json.ts';
import { keyText } from '../base/keys.ts';

export interface Grid {
  /** The column of keys, or of numbers, and those of members. */
  readonly columns: readonly string[];
  readonly rows: readonly { readonly head: string; readonly cells: readonly (Decoded | undefined)[] }[];
}

/** How many columns a table has at the most; what is beyond is in the JSON. */
const MOST_COLUMNS = 24;

/** Whether something is a row with a key, as queries return it. */
export function isKeyed(row: unknown): row is [Key, Decoded] {
  if (!Array.isArray(row) || row.length !== 2) return false;
  const [key, document] = row as unknown[];
  return (typeof key === 'string' || typeof key === 'number' || typeof key === 'bigint') && isMap(document);
}

/** The table of some values: a column for each member that any of them has. Whether they are rows with keys is told by looking. */
export function gridOf(
  values: readonly unknown[],
  keyed: boolean = values.length > 0 && values.every(isKeyed),
): Grid {
  const documents = keyed ? (values as [Key, Decoded][]).map(([, document]) => document) : values;
  const head = (at: number) => (keyed ? keyText((values[at] as [Key, Decoded])[0]) : String(at + 1));
  const first = keyed ? 'key' : '#';
  if (documents.length === 0 || !documents.every(isMap)) {
    return {
      columns: [first, 'value'],
      rows: documents.map((value, at) => ({ head: head(at), cells: [value as Decoded] })),
    };
  }
  const maps = documents as readonly { readonly [name: string]: Decoded }[];
  const names = [...new Set(maps.flatMap((map) => Object.keys(map)))].slice(0, MOST_COLUMNS);
  return {
    columns: [first, ...names],
    rows: maps.map((map, at) => ({ head: head(at), cells: names.map((name) => map[name]) })),
  };
}

/** The values that a table of a call's results shows: those of a list that is the only one. */
export function valuesOf(results: readonly Decoded[]): readonly Decoded[] {
  const [only] = results;
  return results.length === 1 && Array.isArray(only) ? only : results;
}

/** What a cell says. */
export function cellText(value: Decoded | undefined): string {
  if (value === undefined) return '';
  return typeof value === 'string' ? value : toJson(value);
}
