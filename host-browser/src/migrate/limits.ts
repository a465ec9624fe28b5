/** What the database has no room for; `docs/format.md` has the rules. */

/** How many tables may be inside each other in a document. */
export const MAXIMUM_DEPTH = 64;

/**
 * How many values a document takes over: far more than fit into one of 16 MiB. A table that is in many places is copied
 * into each, so a few small tables could be as many as one likes.
 */
export const MAXIMUM_VALUES = 1_000_000;

const NAME_BYTES = 128;

/** Why something can't be a table's name; undefined if it can. */
export function nameProblem(name: string): string | undefined {
  const bytes = new TextEncoder().encode(name).length;
  if (bytes === 0 || bytes > NAME_BYTES) return `it must have 1 to ${NAME_BYTES} bytes`;
  if (/[\p{Cc}/\\]/u.test(name) || name === '.' || name === '..')
    return 'it has characters that a name can not have';
  if (name.startsWith('_')) return 'it begins with _';
  return undefined;
}
