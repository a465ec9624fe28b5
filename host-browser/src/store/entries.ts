/**
 * A sorted run of packed entries with the offset of each: what a leaf of the mirror is, and what
 * the writes of a commit are. In a leaf every value is present; in writes an absent value deletes.
 */
import { PackError, Unpacker } from './pack.ts';

/** Runs of at most so many entries are searched by their keys' heads. */
const MOST_HEADS = 512;

/** Packed entries, and where each begins. Neither is changed once it is made. */
export class Entries {
  readonly bytes: Uint8Array;
  /** One offset for each entry, and the end of the last. */
  readonly offsets: Uint32Array;
  readonly count: number;
  /** How many bytes all keys have in common, and the next four of each: a search looks at these, which lie together. */
  #shared = 0;
  #heads: Uint32Array | undefined;

  constructor(bytes: Uint8Array, offsets: Uint32Array) {
    this.bytes = bytes;
    this.offsets = offsets;
    this.count = offsets.length - 1;
  }

  /** Finds the entries of packed bytes and checks that their keys ascend strictly. */
  static parse(bytes: Uint8Array): Entries {
    const unpacker = new Unpacker(bytes);
    // An entry takes at least two bytes; eight entries in ten are longer than twenty.
    let offsets = new Uint32Array(Math.max(4, bytes.length >>> 5));
    let count = 0;
    let previousStart = 0;
    let previousEnd = -1;
    for (let at = 0; at < bytes.length; ) {
      if (count + 1 >= offsets.length) {
        const larger = new Uint32Array(offsets.length * 2);
        larger.set(offsets);
        offsets = larger;
      }
      offsets[count++] = at;
      unpacker.offset = at;
      const length = unpacker.length();
      const start = unpacker.offset;
      const end = start + length;
      if (end > bytes.length) throw new PackError('packed bytes end inside a key');
      if (previousEnd >= 0 && compareRanges(bytes, previousStart, previousEnd, bytes, start, end) >= 0) {
        throw new PackError('packed keys do not ascend');
      }
      unpacker.offset = end;
      unpacker.skipOptional();
      at = unpacker.offset;
      previousStart = start;
      previousEnd = end;
    }
    offsets[count] = bytes.length;
    return new Entries(bytes, offsets.slice(0, count + 1));
  }

  /** Where the key's own bytes begin. */
  keyStart(index: number): number {
    let at = this.offsets[index]!;
    while (this.bytes[at++]! >= 0x80);
    return at;
  }

  keyLength(index: number): number {
    let at = this.offsets[index]!;
    const first = this.bytes[at++]!;
    if (first < 0x80) return first;
    let length = first & 0x7f;
    let factor = 0x80;
    for (;;) {
      const byte = this.bytes[at++]!;
      length += (byte & 0x7f) * factor;
      if (byte < 0x80) return length;
      factor *= 0x80;
    }
  }

  /** The key, as a view. */
  key(index: number): Uint8Array {
    const start = this.keyStart(index);
    return this.bytes.subarray(start, start + this.keyLength(index));
  }

  /** Where the packed optional value begins; it ends where the next entry begins. */
  valueOffset(index: number): number {
    return this.keyStart(index) + this.keyLength(index);
  }

  /** Whether the value is absent: as a write, a deletion. */
  isDeletion(index: number): boolean {
    return this.bytes[this.valueOffset(index)] === 0;
  }

  /** The value's own bytes, as a view. The entry must have one. */
  value(index: number): Uint8Array {
    let at = this.valueOffset(index);
    while (this.bytes[at++]! >= 0x80);
    return this.bytes.subarray(at, this.offsets[index + 1]!);
  }

  /** How the entry's key compares to a key. */
  compareKey(index: number, key: Uint8Array): number {
    const start = this.keyStart(index);
    return compareRanges(this.bytes, start, start + this.keyLength(index), key, 0, key.length);
  }

  /** The first entry from `from` on whose key is not below `key`; `count` if there is none. */
  lowerBound(key: Uint8Array, from = 0): number {
    const { count } = this;
    if (count > MOST_HEADS || count === 0) return this.#lowerBound(key, from, count);
    const heads = this.#heads ?? this.#makeHeads();
    const shared = this.#shared;
    const first = this.keyStart(0);
    for (let at = 0; at < shared; at++) {
      const difference = at < key.length ? key[at]! - this.bytes[first + at]! : -1;
      if (difference !== 0) return difference < 0 ? from : count;
    }
    const head = headOf(key, shared, key.length);
    let low = from;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (heads[middle]! < head) low = middle + 1;
      else high = middle;
    }
    for (high = low; high < count && heads[high] === head; high++);
    return this.#lowerBound(key, low, high);
  }

  #lowerBound(key: Uint8Array, from: number, to: number): number {
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.compareKey(middle, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #makeHeads(): Uint32Array {
    const { bytes, count } = this;
    const [first, last] = [this.key(0), this.key(count - 1)];
    let shared = 0;
    if (count > 1) while (first[shared] === last[shared]) shared++;
    const heads = new Uint32Array(count);
    for (let index = 0; index < count; index++) {
      const start = this.keyStart(index);
      heads[index] = headOf(bytes, start + shared, start + this.keyLength(index));
    }
    this.#shared = shared;
    this.#heads = heads;
    return heads;
  }

  /** The entry of a key, or -1. */
  find(key: Uint8Array): number {
    const index = this.lowerBound(key);
    return index < this.count && this.compareKey(index, key) === 0 ? index : -1;
  }

  /** The entries from one index to another, in bytes of their own. */
  slice(from: number, to: number): Entries {
    const start = this.offsets[from]!;
    const offsets = this.offsets.slice(from, to + 1);
    for (let index = 0; index < offsets.length; index++) offsets[index]! -= start;
    return new Entries(this.bytes.slice(start, this.offsets[to]!), offsets);
  }

  /**
   * This run with a part of another run of writes merged in; deletions take their key out. What is longer than `maximum` is cut
   * into runs of about `target` bytes.
   */
  merge(writes: Entries, from: number, to: number, target: number, maximum: number): Entries[] {
    // What stays or comes, piece by piece: whence, and which entries.
    const sources: Entries[] = [];
    const firsts: number[] = [];
    const ends: number[] = [];
    let size = 0;
    let count = 0;
    const take = (source: Entries, first: number, end: number) => {
      if (first === end) return;
      size += source.offsets[end]! - source.offsets[first]!;
      count += end - first;
      const last = sources.length - 1;
      if (last >= 0 && sources[last] === source && ends[last] === first) {
        ends[last] = end;
        return;
      }
      sources.push(source);
      firsts.push(first);
      ends.push(end);
    };
    let mine = 0;
    for (let index = from; index < to; index++) {
      if (mine < this.count) {
        const key = writes.key(index);
        const at = this.compareKey(mine, key) >= 0 ? mine : this.lowerBound(key, mine);
        take(this, mine, at);
        mine = at < this.count && this.compareKey(at, key) === 0 ? at + 1 : at;
      }
      if (!writes.isDeletion(index)) take(writes, index, index + 1);
    }
    take(this, mine, this.count);
    if (count === 0) return [];

    const runs = size <= maximum ? 1 : Math.ceil(size / target);
    const made: Entries[] = [];
    let piece = 0;
    let next = firsts[0]!;
    for (let run = 0, done = 0; done < size; run++) {
      // Up to the entry that reaches this run's share of all.
      const goal = Math.ceil(((run + 1) * size) / runs);
      // One entry alone may have reached it.
      if (done >= goal) continue;
      const [fromPiece, fromNext, start] = [piece, next, done];
      let entries = 0;
      while (done < goal) {
        const { offsets } = sources[piece]!;
        const end = ends[piece]!;
        const rest = goal - done + offsets[next]!;
        let stop = end;
        if (offsets[end]! > rest) for (stop = next + 1; offsets[stop]! < rest; stop++);
        done += offsets[stop]! - offsets[next]!;
        entries += stop - next;
        next = stop;
        if (stop === end) next = firsts[++piece] ?? 0;
      }
      made.push(gather(sources, firsts, ends, fromPiece, fromNext, done - start, entries));
    }
    return made;
  }

  /** Two neighbouring runs as one. */
  concat(next: Entries): Entries {
    const bytes = new Uint8Array(this.bytes.length + next.bytes.length);
    bytes.set(this.bytes);
    bytes.set(next.bytes, this.bytes.length);
    const offsets = new Uint32Array(this.count + next.count + 1);
    offsets.set(this.offsets);
    for (let index = 0; index <= next.count; index++) {
      offsets[this.count + index] = next.offsets[index]! + this.bytes.length;
    }
    return new Entries(bytes, offsets);
  }

  static readonly empty = new Entries(new Uint8Array(0), new Uint32Array(1));
}

/** So many entries of so many bytes, from an entry of a piece on, in bytes of their own. */
function gather(
  sources: readonly Entries[],
  firsts: readonly number[],
  ends: readonly number[],
  piece: number,
  first: number,
  size: number,
  count: number,
): Entries {
  const bytes = new Uint8Array(size);
  const offsets = new Uint32Array(count + 1);
  let at = 0;
  for (let made = 0; made < count; piece++, first = firsts[piece]!) {
    const source = sources[piece]!;
    const end = Math.min(ends[piece]!, first + count - made);
    const start = source.offsets[first]!;
    const stop = source.offsets[end]!;
    bytes.set(source.bytes.subarray(start, stop), at);
    const shift = at - start;
    for (let index = first; index < end; index++) offsets[made++] = source.offsets[index]! + shift;
    at += stop - start;
  }
  offsets[count] = size;
  return new Entries(bytes, offsets);
}

/** The four bytes from a place on as a number that is ordered as they are; zeros behind the end. */
function headOf(bytes: Uint8Array, at: number, end: number): number {
  let head = 0;
  for (let index = at; index < at + 4; index++) head = (head << 8) | (index < end ? bytes[index]! : 0);
  return head >>> 0;
}

function compareRanges(
  left: Uint8Array,
  leftStart: number,
  leftEnd: number,
  right: Uint8Array,
  rightStart: number,
  rightEnd: number,
): number {
  const leftLength = leftEnd - leftStart;
  const rightLength = rightEnd - rightStart;
  const shared = Math.min(leftLength, rightLength);
  for (let at = 0; at < shared; at++) {
    const difference = left[leftStart + at]! - right[rightStart + at]!;
    if (difference !== 0) return difference;
  }
  return leftLength - rightLength;
}
