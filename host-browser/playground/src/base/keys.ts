/** Keys of documents as people write them. */
import { CuError, type Key } from 'cu-db';
import { fromJson, toJson } from './json.ts';

/** A key as it is shown: quoted where it could be taken for something else. */
export function keyText(key: Key): string {
  if (typeof key !== 'string') return toJson(key);
  return /^[^"{\d-][^"{]*$/.test(key) && key.trim() === key ? key : JSON.stringify(key);
}

/** The key that is meant: an integer, a text in quotes or without, or `{"$bytes": …}`. */
export function keyOf(text: string): Key {
  const said = text.trim();
  if (said === '') {
    throw new CuError('invalid-argument', 'The key is empty; write an integer or a text.', { place: 'key' });
  }
  if (!/^(-?\d+|".*"|\{.*\})$/s.test(said)) return said;
  const value = fromJson(said);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return value;
  if (value instanceof Uint8Array) return value;
  throw new CuError('invalid-argument', 'A key is an integer, a text or {"$bytes": …}.', { place: 'key' });
}
