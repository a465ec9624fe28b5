/** What it takes to make one state of a database another one. */
import { compareBytes } from '../bytes.ts';
import { Entries } from './entries.ts';
import { entriesOf, Inner, type Mirror, type Node } from './mirror.ts';
import { packEntries } from './pack.ts';

/**
 * The writes that make the contents of `before` those of `after`. What the two share of their trees is not looked into, so
 * that it costs little where little differs.
 */
export function differences(before: Mirror, after: Mirror): Entries {
  const writes: [Uint8Array, Uint8Array | null][] = [];
  const old = new Walk(before.root);
  const now = new Walk(after.root);
  while (old.node !== undefined || now.node !== undefined) {
    if (old.node === now.node && old.index === now.index) {
      old.leave();
      now.leave();
    } else if (old.node instanceof Inner || now.node instanceof Inner) {
      // The smaller one may be a part of the larger one.
      const [left, right] = [old.size, now.size];
      if (left >= right) old.enter();
      if (right >= left) now.enter();
    } else {
      const order = old.node === undefined ? 1 : now.node === undefined ? -1 : compareBytes(old.key, now.key);
      if (order < 0) writes.push([old.key, null]);
      else if (order > 0 || compareBytes(old.value, now.value) !== 0) writes.push([now.key, now.value]);
      if (order <= 0) old.next();
      if (order >= 0) now.next();
    }
  }
  return Entries.parse(packEntries(writes));
}

/** A place in a tree: the beginning of a node, or an entry of a leaf. */
class Walk {
  /** The nodes that are still to come, the next one last. */
  readonly #rest: Node[];
  node: Node | undefined;
  /** The entry of a leaf. */
  index = 0;

  constructor(root: Node) {
    this.#rest = [root];
    this.leave();
  }

  /** How much there is to find inside of the node, if it is one that has others. */
  get size(): number {
    return this.node instanceof Inner ? entriesOf(this.node) : 0;
  }

  get key(): Uint8Array {
    return this.#leaf.key(this.index);
  }

  get value(): Uint8Array {
    return this.#leaf.value(this.index);
  }

  /** Goes to the next entry of the leaf, or behind it. */
  next(): void {
    if (++this.index === this.#leaf.count) this.leave();
  }

  /** Goes into the node. */
  enter(): void {
    const { children } = this.node as Inner;
    for (let index = children.length - 1; index >= 0; index--) this.#rest.push(children[index]!);
    this.leave();
  }

  /** Goes behind the node, to the next one that has entries. */
  leave(): void {
    do this.node = this.#rest.pop();
    while (this.node !== undefined && entriesOf(this.node) === 0);
    this.index = 0;
  }

  get #leaf(): Entries {
    return this.node as Entries;
  }
}
