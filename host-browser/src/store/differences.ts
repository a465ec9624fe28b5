/** What it takes to make one state of a database another one. */
import { compareBytes } from '../bytes.ts';
import { Entries } from './entries.ts';
import type { Mirror } from './mirror.ts';
import { packEntries } from './pack.ts';

/**
 * The writes that make the contents of `before` those of `after`. Leaves that the two share are not looked into, so
 * that it costs little where little differs.
 */
export function differences(before: Mirror, after: Mirror): Entries {
  if (before === after) return Entries.empty;
  const writes: [Uint8Array, Uint8Array | null][] = [];
  const old = new Walk(before);
  const now = new Walk(after);
  while (!old.done || !now.done) {
    if (old.leaf === now.leaf && old.index === now.index) {
      old.skipLeaf();
      now.skipLeaf();
      continue;
    }
    const order = old.done ? 1 : now.done ? -1 : compareBytes(old.key, now.key);
    if (order < 0) {
      writes.push([old.key, null]);
    } else if (order > 0 || compareBytes(old.value, now.value) !== 0) {
      writes.push([now.key, now.value]);
    }
    if (order <= 0) old.next();
    if (order >= 0) now.next();
  }
  return Entries.parse(packEntries(writes));
}

/** A place among the entries of a state. */
class Walk {
  readonly #leaves: Iterator<Entries>;
  leaf: Entries | undefined;
  index = 0;

  constructor(mirror: Mirror) {
    this.#leaves = mirror.leaves()[Symbol.iterator]();
    this.skipLeaf();
  }

  get done(): boolean {
    return this.leaf === undefined;
  }

  get key(): Uint8Array {
    return this.leaf!.key(this.index);
  }

  get value(): Uint8Array {
    return this.leaf!.value(this.index);
  }

  next(): void {
    if (++this.index === this.leaf!.count) this.skipLeaf();
  }

  /** Goes to the first entry of the next leaf that has any. */
  skipLeaf(): void {
    do this.leaf = this.#leaves.next().value as Entries | undefined;
    while (this.leaf?.count === 0);
    this.index = 0;
  }
}
