/**
 * The packing of the store seam (`wit/store.wit`): many byte strings in one byte list.
 *
 * The mirror's leaves, the log's records and the segments hold packed entries too, so that a
 * scan is a copy of a byte range and loading a segment is a walk over lengths.
 */

/** Packed bytes that end too early or whose lengths can't be right. */
export class PackError extends Error {
  override name = 'PackError';
}

/** How many bytes the LEB128 form of a length takes. */
export function lengthSize(length: number): number {
  let size = 1;
  for (let rest = length; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Writes a length as unsigned LEB128 and returns the offset after it. */
export function writeLength(target: Uint8Array, at: number, length: number): number {
  let rest = length;
  while (rest >= 0x80) {
    target[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  target[at++] = rest;
  return at;
}

/** Reads packed bytes from front to back. */
export class Unpacker {
  readonly bytes: Uint8Array;
  offset = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get done(): boolean {
    return this.offset >= this.bytes.length;
  }

  length(): number {
    const first = this.bytes[this.offset];
    if (first === undefined) throw new PackError('packed bytes end inside a length');
    if (first < 0x80) {
      this.offset++;
      return first;
    }
    let length = 0;
    let factor = 1;
    for (let size = 0; size < 5; size++) {
      const byte = this.bytes[this.offset++];
      if (byte === undefined) throw new PackError('packed bytes end inside a length');
      length += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (length > 0xffff_ffff) break;
        return length;
      }
      factor *= 0x80;
    }
    throw new PackError('a packed length is longer than 32 bits');
  }

  /** A `bytes` item, as a view into the packed bytes. */
  take(): Uint8Array {
    const length = this.length();
    const start = this.offset;
    this.#advance(length);
    return this.bytes.subarray(start, start + length);
  }

  /** An `optional` item; undefined when it is absent. */
  takeOptional(): Uint8Array | undefined {
    const length = this.length();
    if (length === 0) return undefined;
    const start = this.offset;
    this.#advance(length - 1);
    return this.bytes.subarray(start, start + length - 1);
  }

  skip(): void {
    this.#advance(this.length());
  }

  skipOptional(): void {
    const length = this.length();
    if (length > 0) this.#advance(length - 1);
  }

  #advance(length: number): void {
    if (length > this.bytes.length - this.offset) throw new PackError('packed bytes end inside an item');
    this.offset += length;
  }
}

/** Packs entries, for tests and for records that are made here. A null value is an absent one. */
export function packEntries(entries: Iterable<readonly [Uint8Array, Uint8Array | null]>): Uint8Array {
  const list = [...entries];
  let size = 0;
  for (const [key, value] of list) {
    size += lengthSize(key.length) + key.length;
    size += value === null ? 1 : lengthSize(value.length + 1) + value.length;
  }
  const packed = new Uint8Array(size);
  let at = 0;
  for (const [key, value] of list) {
    at = writeLength(packed, at, key.length);
    packed.set(key, at);
    at += key.length;
    at = writeLength(packed, at, value === null ? 0 : value.length + 1);
    if (value !== null) {
      packed.set(value, at);
      at += value.length;
    }
  }
  return packed;
}

/** Unpacks entries; an absent value is null. The items are views. */
export function unpackEntries(packed: Uint8Array): [Uint8Array, Uint8Array | null][] {
  const unpacker = new Unpacker(packed);
  const entries: [Uint8Array, Uint8Array | null][] = [];
  while (!unpacker.done) entries.push([unpacker.take(), unpacker.takeOptional() ?? null]);
  return entries;
}

/** Packs keys. */
export function packKeys(keys: Iterable<Uint8Array>): Uint8Array {
  const list = [...keys];
  const packed = new Uint8Array(list.reduce((size, key) => size + lengthSize(key.length) + key.length, 0));
  let at = 0;
  for (const key of list) {
    at = writeLength(packed, at, key.length);
    packed.set(key, at);
    at += key.length;
  }
  return packed;
}

/** Unpacks values; an absent one is null. The items are views. */
export function unpackValues(packed: Uint8Array): (Uint8Array | null)[] {
  const unpacker = new Unpacker(packed);
  const values: (Uint8Array | null)[] = [];
  while (!unpacker.done) values.push(unpacker.takeOptional() ?? null);
  return values;
}
