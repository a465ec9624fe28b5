/**
 * The store's contents in memory: a B+ tree whose nodes are never changed, so that a root is a
 * snapshot for as long as someone holds it, and going back to an earlier state is keeping its root.
 *
 * A leaf is one run of packed entries of a few KB instead of an object for each key: half a million
 * entries are a few thousand objects, a scan copies byte ranges, and a batch of sorted writes
 * rebuilds each leaf it touches once.
 */
import { Entries } from './entries.ts';
import { packEntries, Unpacker } from './pack.ts';

const LEAF_TARGET = 4096;
const LEAF_MAXIMUM = 8192;
const LEAF_MINIMUM = 1024;
const INNER_TARGET = 48;
const INNER_MAXIMUM = 64;
const INNER_MINIMUM = 16;

export class Inner {
  readonly children: readonly Node[];
  /** For each child a key, without a value, that is not above its first key and above all keys of the child before. */
  readonly keys: Entries;
  readonly entries: number;
  readonly bytes: number;

  constructor(children: readonly Node[], keys: Entries) {
    this.children = children;
    this.keys = keys;
    let entries = 0;
    let bytes = 0;
    for (const child of children) {
      entries += entriesOf(child);
      bytes += bytesOf(child);
    }
    this.entries = entries;
    this.bytes = bytes;
  }

  /** The child that a key belongs to. */
  childOf(key: Uint8Array): number {
    const index = this.keys.lowerBound(key, 1);
    return index < this.keys.count && this.keys.compareKey(index, key) === 0 ? index : index - 1;
  }
}

export type Node = Entries | Inner;

/** One state of the store. Immutable: `apply` returns another one that shares most nodes. */
export class Mirror {
  readonly #root: Node;

  private constructor(root: Node) {
    this.#root = root;
  }

  static readonly empty = new Mirror(Entries.empty);

  /** A mirror of runs that follow one another in key order. */
  static load(runs: Iterable<Entries>): Mirror {
    const leaves: Node[] = [];
    for (const run of runs) leaves.push(...leavesWith(Entries.empty, run, 0, run.count));
    return new Mirror(rootOf(leaves));
  }

  /** How many keys there are. */
  get entries(): number {
    return entriesOf(this.#root);
  }

  /** How many bytes the packed entries take. */
  get bytes(): number {
    return bytesOf(this.#root);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const leaf = this.#leaf(key);
    const index = leaf.find(key);
    return index < 0 ? undefined : leaf.value(index);
  }

  /** The packed values of packed keys. */
  getMany(keys: Uint8Array): Uint8Array {
    const unpacker = new Unpacker(keys);
    const found: (Uint8Array | undefined)[] = [];
    let size = 0;
    let leaf = Entries.empty;
    while (!unpacker.done) {
      const key = unpacker.take();
      // Sorted keys stay in one leaf for a while: it is the right one if the key lies inside it.
      let index = leaf.count > 0 && leaf.compareKey(0, key) <= 0 ? leaf.lowerBound(key) : leaf.count;
      if (index === leaf.count) {
        leaf = this.#leaf(key);
        index = leaf.lowerBound(key);
      }
      if (index < leaf.count && leaf.compareKey(index, key) === 0) {
        const value = leaf.bytes.subarray(leaf.valueOffset(index), leaf.offsets[index + 1]!);
        found.push(value);
        size += value.length;
      } else {
        found.push(undefined);
        size++;
      }
    }
    const packed = new Uint8Array(size);
    let at = 0;
    for (const value of found) {
      if (value === undefined) {
        at++;
      } else {
        packed.set(value, at);
        at += value.length;
      }
    }
    return packed;
  }

  /** A page of packed entries with `start <= key < end`; an empty `end` is no bound. */
  scan(
    start: Uint8Array,
    end: Uint8Array,
    backward: boolean,
    maximumEntries: number,
    maximumBytes: number,
  ): Uint8Array {
    const page = new Page(Math.max(1, maximumEntries), maximumBytes);
    const bound = end.length === 0 ? undefined : end;
    if (backward) scanBackward(this.#root, start, bound, page);
    else scanForward(this.#root, start, bound, page);
    return page.finish();
  }

  /** How many keys there are with `start <= key < end`. */
  count(start: Uint8Array, end: Uint8Array): number {
    const last = end.length === 0 ? this.entries : this.#rank(end);
    return Math.max(0, last - this.#rank(start));
  }

  /** Whether another state has the same entries with `start <= key < end`; an empty `end` is no bound. */
  sameIn(other: Mirror, start: Uint8Array, end: Uint8Array): boolean {
    const bound = end.length === 0 ? undefined : end;
    const left = new Stream(this.#root, start, bound);
    const right = new Stream(other.#root, start, bound);
    while (left.fill() && right.fill()) if (!left.matches(right)) return false;
    return !left.fill() && !right.fill();
  }

  /** The state after the writes. */
  apply(writes: Entries): Mirror {
    if (writes.count === 0) return this;
    return new Mirror(rootOf(applyTo(this.#root, writes, 0, writes.count)));
  }

  /** The packed entries of a range in runs of about `target` bytes. */
  *runs(start: Uint8Array, end: Uint8Array | undefined, target: number): Generator<Uint8Array> {
    let from = start;
    for (;;) {
      const run = this.scan(from, end ?? new Uint8Array(0), false, 0xffff_ffff, target);
      if (run.length === 0) return;
      yield run;
      const last = lastKey(run);
      from = new Uint8Array(last.length + 1);
      from.set(last);
    }
  }

  /** The tree, whose nodes are shared with other states as far as no write between them has touched what is below. */
  get root(): Node {
    return this.#root;
  }

  #leaf(key: Uint8Array): Entries {
    let node = this.#root;
    while (node instanceof Inner) node = node.children[node.childOf(key)]!;
    return node;
  }

  #rank(key: Uint8Array): number {
    let node = this.#root;
    let rank = 0;
    while (node instanceof Inner) {
      const at = node.childOf(key);
      for (let index = 0; index < at; index++) rank += entriesOf(node.children[index]!);
      node = node.children[at]!;
    }
    return rank + node.lowerBound(key);
  }
}

/** The packed entries of a range, as one sequence of bytes in the pieces that the leaves have of it. */
class Stream {
  readonly #leaves: Generator<readonly [leaf: Entries, from: number, to: number]>;
  #bytes = new Uint8Array(0) as Uint8Array;
  #at = 0;
  #to = 0;

  constructor(root: Node, start: Uint8Array, end: Uint8Array | undefined) {
    this.#leaves = leavesOf(root, start, end);
  }

  /** Whether there is anything left. */
  fill(): boolean {
    while (this.#at === this.#to) {
      const { value, done } = this.#leaves.next();
      if (done === true) return false;
      const [leaf, from, to] = value;
      this.#bytes = leaf.bytes;
      this.#at = leaf.offsets[from]!;
      this.#to = leaf.offsets[to]!;
    }
    return true;
  }

  /** Whether what both have at hand is the same, and goes on behind it. */
  matches(other: Stream): boolean {
    const length = Math.min(this.#to - this.#at, other.#to - other.#at);
    const shared = this.#bytes === other.#bytes && this.#at === other.#at;
    for (let index = 0; !shared && index < length; index++) {
      if (this.#bytes[this.#at + index] !== other.#bytes[other.#at + index]) return false;
    }
    this.#at += length;
    other.#at += length;
    return true;
  }
}

/** The leaves that a range touches, each with the entries that belong to it. */
function* leavesOf(
  node: Node,
  start: Uint8Array,
  end: Uint8Array | undefined,
): Generator<readonly [leaf: Entries, from: number, to: number]> {
  if (!(node instanceof Inner)) {
    const to = end === undefined ? node.count : node.lowerBound(end);
    yield [node, Math.min(node.lowerBound(start), to), to];
    return;
  }
  for (let index = node.childOf(start); index < node.children.length; index++) {
    if (index > 0 && end !== undefined && node.keys.compareKey(index, end) >= 0) return;
    yield* leavesOf(node.children[index]!, start, end);
  }
}

/** Collects the entries of a scan until one of its limits is reached. */
class Page {
  readonly #pieces: Uint8Array[] = [];
  readonly #maximumEntries: number;
  readonly #maximumBytes: number;
  #entries = 0;
  #bytes = 0;

  constructor(maximumEntries: number, maximumBytes: number) {
    this.#maximumEntries = maximumEntries;
    this.#maximumBytes = maximumBytes;
  }

  get full(): boolean {
    return this.#entries >= this.#maximumEntries || (this.#entries > 0 && this.#bytes >= this.#maximumBytes);
  }

  /** Takes entries of a leaf in ascending order, as many as fit. */
  addForward(leaf: Entries, from: number, to: number): void {
    if (from >= to) return;
    const start = leaf.offsets[from]!;
    let end = Math.min(to, from + this.#maximumEntries - this.#entries);
    if (this.#bytes + leaf.offsets[end]! - start > this.#maximumBytes) {
      let index = from + 1;
      while (index < end && this.#bytes + leaf.offsets[index]! - start < this.#maximumBytes) index++;
      end = index;
    }
    this.#add(leaf.bytes.subarray(start, leaf.offsets[end]!), end - from);
  }

  /** Takes entries of a leaf in descending order, as many as fit. */
  addBackward(leaf: Entries, from: number, to: number): void {
    for (let index = to - 1; index >= from && !this.full; index--) {
      this.#add(leaf.bytes.subarray(leaf.offsets[index]!, leaf.offsets[index + 1]!), 1);
    }
  }

  finish(): Uint8Array {
    if (this.#pieces.length === 1) return this.#pieces[0]!;
    const packed = new Uint8Array(this.#bytes);
    let at = 0;
    for (const piece of this.#pieces) {
      packed.set(piece, at);
      at += piece.length;
    }
    return packed;
  }

  #add(piece: Uint8Array, entries: number): void {
    this.#pieces.push(piece);
    this.#entries += entries;
    this.#bytes += piece.length;
  }
}

function scanForward(node: Node, start: Uint8Array, end: Uint8Array | undefined, page: Page): void {
  if (!(node instanceof Inner)) {
    page.addForward(node, node.lowerBound(start), end === undefined ? node.count : node.lowerBound(end));
    return;
  }
  for (let index = node.childOf(start); index < node.children.length && !page.full; index++) {
    if (index > 0 && end !== undefined && node.keys.compareKey(index, end) >= 0) return;
    scanForward(node.children[index]!, start, end, page);
  }
}

function scanBackward(node: Node, start: Uint8Array, end: Uint8Array | undefined, page: Page): void {
  if (!(node instanceof Inner)) {
    page.addBackward(node, node.lowerBound(start), end === undefined ? node.count : node.lowerBound(end));
    return;
  }
  const first = node.childOf(start);
  const last = end === undefined ? node.children.length - 1 : node.childOf(end);
  for (let index = last; index >= first && !page.full; index--) {
    scanBackward(node.children[index]!, start, end, page);
  }
}

/** The leaves in place of a leaf that a part of the writes belongs to. */
function leavesWith(leaf: Entries, writes: Entries, from: number, to: number): Entries[] {
  return leaf.merge(writes, from, to, LEAF_TARGET, LEAF_MAXIMUM);
}

/** Applies a part of the writes below a node, and returns nodes of the same height in its place. */
function applyTo(node: Node, writes: Entries, from: number, to: number): Node[] {
  if (!(node instanceof Inner)) return leavesWith(node, writes, from, to);
  const touched: number[] = [];
  const replacements: Node[][] = [];
  let next = from;
  for (let index = next === to ? 0 : node.childOf(writes.key(from)); next < to; index++) {
    const first = next;
    next = index + 1 === node.children.length ? to : partition(writes, node.keys, index + 1, next, to);
    if (first === next) continue;
    touched.push(index);
    replacements.push(applyTo(node.children[index]!, writes, first, next));
  }
  if (replacements.every((made, at) => staysInPlace(made, touched[at] === 0 ? node : undefined))) {
    const children = node.children.slice();
    touched.forEach((index, at) => {
      children[index] = replacements[at]![0]!;
    });
    return [new Inner(children, node.keys)];
  }
  const children: Node[] = [];
  const keys: Uint8Array[] = [];
  let at = 0;
  for (let index = 0; index < node.children.length; index++) {
    if (touched[at] !== index) {
      children.push(node.children[index]!);
      keys.push(node.keys.key(index));
      continue;
    }
    for (const replacement of replacements[at++]!) {
      children.push(replacement);
      keys.push(firstKey(replacement));
    }
  }
  return innersOf(...joinSmall(children, keys));
}

/** Whether what replaces a child is one node that can have its key; of the first child of a node, that may have become too high. */
function staysInPlace(made: readonly Node[], parent: Inner | undefined): boolean {
  const [node] = made;
  if (made.length !== 1 || isSmall(node!)) return false;
  return parent === undefined || parent.keys.compareKey(0, firstKey(node!)) <= 0;
}

function isSmall(node: Node): boolean {
  return node instanceof Inner ? node.children.length < INNER_MINIMUM : node.bytes.length < LEAF_MINIMUM;
}

/** The first write from `from` on whose key is not below a separator; most calls stay in place. */
function partition(writes: Entries, keys: Entries, separator: number, from: number, to: number): number {
  const key = keys.key(separator);
  if (writes.compareKey(from, key) >= 0) return from;
  let low = from + 1;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (writes.compareKey(middle, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Joins neighbours that deletions have left small. */
function joinSmall(children: Node[], keys: Uint8Array[]): [Node[], Uint8Array[]] {
  const joined: Node[] = [];
  const joinedKeys: Uint8Array[] = [];
  for (let index = 0; index < children.length; index++) {
    const node = children[index]!;
    const last = joined[joined.length - 1];
    if (last instanceof Entries && node instanceof Entries) {
      if ((isSmall(last) || isSmall(node)) && last.bytes.length + node.bytes.length <= LEAF_TARGET) {
        joined[joined.length - 1] = last.concat(node);
        continue;
      }
    } else if (last instanceof Inner && node instanceof Inner) {
      if ((isSmall(last) || isSmall(node)) && last.children.length + node.children.length <= INNER_TARGET) {
        const children = [...last.children, ...node.children];
        joined[joined.length - 1] = new Inner(children, last.keys.concat(node.keys));
        continue;
      }
    }
    joined.push(node);
    joinedKeys.push(keys[index]!);
  }
  return [joined, joinedKeys];
}

/** Inner nodes over children, as few as hold them in even shares. */
function innersOf(children: readonly Node[], keys: readonly Uint8Array[]): Inner[] {
  if (children.length === 0) return [];
  const groups = children.length <= INNER_MAXIMUM ? 1 : Math.ceil(children.length / INNER_TARGET);
  return Array.from({ length: groups }, (_, group) => {
    const from = Math.floor((group * children.length) / groups);
    const to = Math.floor(((group + 1) * children.length) / groups);
    const own = keys.slice(from, to).map((key) => [key, null] as const);
    return new Inner(children.slice(from, to), Entries.parse(packEntries(own)));
  });
}

function rootOf(nodes: Node[]): Node {
  let level = nodes;
  while (level.length > 1) level = innersOf(level, level.map(firstKey));
  let root = level[0] ?? Entries.empty;
  while (root instanceof Inner && root.children.length === 1) root = root.children[0]!;
  return root;
}

/** The first key below a node, or one that is not above it; a view. */
function firstKey(node: Node): Uint8Array {
  return node instanceof Inner ? node.keys.key(0) : node.key(0);
}

function lastKey(packed: Uint8Array): Uint8Array {
  const unpacker = new Unpacker(packed);
  let key = new Uint8Array(0);
  while (!unpacker.done) {
    key = unpacker.take() as Uint8Array<ArrayBuffer>;
    unpacker.skipOptional();
  }
  return key;
}

/** How many keys there are below a node. */
export function entriesOf(node: Node): number {
  return node instanceof Inner ? node.entries : node.count;
}

function bytesOf(node: Node): number {
  return node instanceof Inner ? node.bytes : node.bytes.length;
}
