/**
 * A sorted run of packed entries with the offset of each: what a leaf of the mirror is, and what
 * the writes of a commit are. In a leaf every value is present; in writes an absent value deletes.
 */
import { PackError, Unpacker } from './pack.ts';

/** Packed entries, and where each begins. Neither is changed once it is made. */
export class Entries {
  readonly bytes: Uint8Array;
  /** One offset for each entry, and the end of the last. */
  readonly offsets: Uint32Array;

  constructor(bytes: Uint8Array, offsets: Uint32Array) {
    this.bytes = bytes;
    this.offsets = offsets;
  }

  /** Finds the entries of packed bytes and checks that their keys ascend strictly. */
  static parse(bytes: Uint8Array): Entries {
    const unpacker = new Unpacker(bytes);
    // An entry takes at least two bytes; eight entries in ten are longer than twenty.
    let offsets = new Uint32Array(Math.max(4, bytes.length >>> 5));
    let count = 0;
    let previousStart = 0;
    let previousEnd = -1;
    while (!unpacker.done) {
      if (count + 1 >= offsets.length) {
        const larger = new Uint32Array(offsets.length * 2);
        larger.set(offsets);
        offsets = larger;
      }
      offsets[count++] = unpacker.offset;
      const length = unpacker.length();
      const start = unpacker.offset;
      const end = start + length;
      if (end > bytes.length) throw new PackError('packed bytes end inside a key');
      if (previousEnd >= 0 && compareRanges(bytes, previousStart, previousEnd, bytes, start, end) >= 0) {
        throw new PackError('packed keys do not ascend');
      }
      unpacker.offset = end;
      unpacker.skipOptional();
      previousStart = start;
      previousEnd = end;
    }
    offsets[count] = bytes.length;
    return new Entries(bytes, offsets.slice(0, count + 1));
  }

  get count(): number {
    return this.offsets.length - 1;
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
    let low = from;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.compareKey(middle, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
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

  /** This run with a part of another run of writes merged in; deletions take their key out. */
  merge(writes: Entries, from: number, to: number): Entries {
    // Inclusive upper bounds; both arrays are cut to what was used.
    const bytes = new Uint8Array(this.bytes.length + writes.offsets[to]! - writes.offsets[from]!);
    const offsets = new Uint32Array(this.count + (to - from) + 1);
    let size = 0;
    let count = 0;
    const copy = (source: Entries, first: number, end: number) => {
      if (first === end) return;
      const start = source.offsets[first]!;
      const stop = source.offsets[end]!;
      bytes.set(source.bytes.subarray(start, stop), size);
      const shift = size - start;
      for (let index = first; index < end; index++) offsets[count++] = source.offsets[index]! + shift;
      size += stop - start;
    };
    let mine = 0;
    for (let index = from; index < to; index++) {
      const key = writes.key(index);
      const at = mine < this.count && this.compareKey(mine, key) >= 0 ? mine : this.lowerBound(key, mine);
      copy(this, mine, at);
      mine = at < this.count && this.compareKey(at, key) === 0 ? at + 1 : at;
      if (!writes.isDeletion(index)) copy(writes, index, index + 1);
    }
    copy(this, mine, this.count);
    offsets[count] = size;
    return new Entries(
      size === bytes.length ? bytes : bytes.slice(0, size),
      count + 1 === offsets.length ? offsets : offsets.slice(0, count + 1),
    );
  }

  /** Cuts the run into runs of about `target` bytes, if it is longer than `maximum`. */
  split(target: number, maximum: number): Entries[] {
    if (this.count === 0) return [];
    if (this.bytes.length <= maximum || this.count === 1) return [this];
    const pieces: Entries[] = [];
    const share = this.bytes.length / Math.ceil(this.bytes.length / target);
    let from = 0;
    for (let index = 1; index <= this.count; index++) {
      if (index === this.count || this.offsets[index + 1]! - this.offsets[from]! > share * 1.05) {
        pieces.push(this.slice(from, index));
        from = index;
      }
    }
    return pieces;
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
