/** Values to CBOR in core deterministic encoding (RFC 8949, 4.2.1). */
import { compareBytes } from '../bytes.ts';
import { CuError } from '../errors.ts';
import { toHalf } from './float16.ts';
import {
  CuFloat,
  CuFunctionRef,
  FUNCTION_TAG,
  isPlainObject,
  NEGATIVE_TAG,
  POSITIVE_TAG,
  type Value,
} from './values.ts';

/** Deeper than any value may be; what is deeper still is most likely cyclic. */
const MAXIMUM_DEPTH = 1000;

/** Member names are remembered up to this number, since documents resemble each other. */
const REMEMBERED_NAMES = 4096;

/** Buffers up to this many bytes are used again. */
const SPARE_SIZE = 64 * 1024;

/** Shapes with more members than these are not remembered. */
const MOST_MEMBERS = 256;

const utf8 = new TextEncoder();
const names = new Map<string, Uint8Array>();

/** The members of an object; and which of them is where in the order of their encodings. */
interface Shape {
  readonly members: readonly string[];
  readonly order: readonly number[];
  readonly encoded: readonly Uint8Array[];
}

/** The last shape at each depth: those of a list mostly have the same. */
const shapes: Shape[] = [];

/** Something that no CBOR of the data model can say. Replaced by an error with its path. */
class Unencodable extends Error {}

/**
 * Encodes a value. Throws a `CuError` with the code `invalid-value` and the path as its place for
 * what can't be encoded: functions, symbols, class instances, cyclic values and lone surrogates.
 * `place` is what the path begins with.
 */
export function encode(value: Value, place = 'value'): Uint8Array {
  // A getter of the value may encode another one.
  const writer = spare ?? new Writer();
  spare = undefined;
  try {
    writer.value(value, 0);
  } catch (error) {
    if (error instanceof Unencodable) throw culprit(value, place);
    throw error;
  }
  const bytes = writer.finish();
  if (writer.isSpare) spare = writer;
  return bytes;
}

class Writer {
  #bytes = new Uint8Array(512);
  #view = new DataView(this.#bytes.buffer);
  #size = 0;

  /** Whether this can be used for another value. */
  get isSpare(): boolean {
    return this.#bytes.length <= SPARE_SIZE;
  }

  /** Of what is long, the bytes are a view. */
  finish(): Uint8Array {
    const bytes = this.isSpare ? this.#bytes.slice(0, this.#size) : this.#bytes.subarray(0, this.#size);
    this.#size = 0;
    return bytes;
  }

  value(value: unknown, depth: number): void {
    switch (typeof value) {
      case 'string':
        this.text(value);
        return;
      case 'number':
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.integer(value);
        else this.float(value);
        return;
      case 'boolean':
        this.#byte(value ? 0xf5 : 0xf4);
        return;
      case 'undefined':
        this.#byte(0xf6);
        return;
      case 'bigint':
        this.bigint(value);
        return;
      case 'object':
        if (value === null) this.#byte(0xf6);
        else this.#object(value, depth);
        return;
      default:
        throw new Unencodable();
    }
  }

  integer(value: number): void {
    if (value >= 0) this.#head(0, value);
    else this.#head(0x20, -1 - value);
  }

  bigint(value: bigint): void {
    const major = value < 0n ? 0x20 : 0;
    const number = value < 0n ? -1n - value : value;
    if (number <= 0xffff_ffffn) this.#head(major, Number(number));
    else if (number < 2n ** 63n) {
      this.#reserve(9);
      this.#bytes[this.#size] = major | 27;
      this.#view.setBigUint64(this.#size + 1, number);
      this.#size += 9;
    } else {
      const bytes = bytesOf(number);
      this.#head(0xc0, value < 0n ? NEGATIVE_TAG : POSITIVE_TAG);
      this.#head(0x40, bytes.length);
      this.#append(bytes);
    }
  }

  float(value: number): void {
    this.#reserve(9);
    if (Number.isNaN(value)) {
      this.#bytes[this.#size] = 0xf9;
      this.#view.setUint16(this.#size + 1, 0x7e00);
      this.#size += 3;
      return;
    }
    const half = toHalf(value);
    if (half !== undefined) {
      this.#bytes[this.#size] = 0xf9;
      this.#view.setUint16(this.#size + 1, half);
      this.#size += 3;
    } else if (Math.fround(value) === value) {
      this.#bytes[this.#size] = 0xfa;
      this.#view.setFloat32(this.#size + 1, value);
      this.#size += 5;
    } else {
      this.#bytes[this.#size] = 0xfb;
      this.#view.setFloat64(this.#size + 1, value);
      this.#size += 9;
    }
  }

  text(value: string): void {
    const length = value.length;
    // Short ASCII, which is most of it, is quicker by hand than through the platform.
    if (length < 24) {
      this.#reserve(1 + length);
      const start = this.#size + 1;
      let at = 0;
      for (; at < length; at++) {
        const unit = value.charCodeAt(at);
        if (unit >= 0x80) break;
        this.#bytes[start + at] = unit;
      }
      if (at === length) {
        this.#bytes[this.#size] = 0x60 | length;
        this.#size = start + length;
        return;
      }
    }
    if (!value.isWellFormed()) throw new Unencodable();
    const bytes = utf8.encode(value);
    this.#head(0x60, bytes.length);
    this.#append(bytes);
  }

  #object(value: object, depth: number): void {
    if (depth > MAXIMUM_DEPTH) throw new Unencodable();
    if (Array.isArray(value)) {
      this.#head(0x80, value.length);
      for (let index = 0; index < value.length; index++) this.value(value[index], depth + 1);
    } else if (value instanceof Uint8Array) {
      this.#head(0x40, value.length);
      this.#append(value);
    } else if (isPlainObject(value)) {
      this.#plainObject(value as Record<string, unknown>, depth);
    } else if (value instanceof Map) {
      this.#map(value, depth);
    } else if (value instanceof CuFloat) {
      this.float(value.value);
    } else if (value instanceof CuFunctionRef) {
      this.#head(0xc0, FUNCTION_TAG);
      this.value(value.name ?? value.id, depth + 1);
    } else {
      throw new Unencodable();
    }
  }

  #plainObject(object: Record<string, unknown>, depth: number): void {
    let members = Object.keys(object);
    // Each member by itself would be looked for once more.
    let values = Object.values(object);
    if (values.includes(undefined)) {
      members = members.filter((member) => object[member] !== undefined);
      values = members.map((member) => object[member]);
    }
    const { order, encoded } = shapeOf(members, depth);
    this.#head(0xa0, order.length);
    for (let index = 0; index < order.length; index++) {
      this.#append(encoded[index]!);
      this.value(values[order[index]!], depth + 1);
    }
  }

  #map(map: ReadonlyMap<unknown, unknown>, depth: number): void {
    const members: [Uint8Array, unknown][] = [];
    for (const [key, value] of map) {
      if (value === undefined) continue;
      const writer = new Writer();
      writer.value(key, depth + 1);
      members.push([writer.finish(), value]);
    }
    members.sort(([left], [right]) => compareBytes(left, right));
    this.#head(0xa0, members.length);
    for (const [key, value] of members) {
      this.#append(key);
      this.value(value, depth + 1);
    }
  }

  /** A major type with its number, which is a safe integer. */
  #head(major: number, value: number): void {
    this.#reserve(9);
    if (value < 24) {
      this.#bytes[this.#size++] = major | value;
    } else if (value < 0x100) {
      this.#bytes[this.#size] = major | 24;
      this.#bytes[this.#size + 1] = value;
      this.#size += 2;
    } else if (value < 0x1_0000) {
      this.#bytes[this.#size] = major | 25;
      this.#view.setUint16(this.#size + 1, value);
      this.#size += 3;
    } else if (value < 0x1_0000_0000) {
      this.#bytes[this.#size] = major | 26;
      this.#view.setUint32(this.#size + 1, value);
      this.#size += 5;
    } else {
      this.#bytes[this.#size] = major | 27;
      this.#view.setBigUint64(this.#size + 1, BigInt(value));
      this.#size += 9;
    }
  }

  #byte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#size++] = byte;
  }

  #append(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#reserve(length);
    // A call of the platform takes as long as these.
    if (length < 32) for (let at = 0; at < length; at++) this.#bytes[this.#size + at] = bytes[at]!;
    else this.#bytes.set(bytes, this.#size);
    this.#size += length;
  }

  #reserve(size: number): void {
    if (this.#size + size <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.#size + size));
    bytes.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

let spare: Writer | undefined;

/** The bytes of a number that is not negative, the first one the highest. */
function bytesOf(number: bigint): Uint8Array {
  const digits = number.toString(16);
  const bytes = new Uint8Array((digits.length + 1) >>> 1);
  // An odd digit stands alone in the first byte.
  for (let at = bytes.length, end = digits.length; at-- > 0; end -= 2)
    bytes[at] = Number.parseInt(digits.slice(Math.max(0, end - 2), end), 16);
  return bytes;
}

/** The shape of an object with such members. */
function shapeOf(members: readonly string[], depth: number): Shape {
  const known = shapes[depth];
  if (known?.members.length === members.length) {
    let at = 0;
    while (at < members.length && members[at] === known.members[at]) at++;
    if (at === members.length) return known;
  }
  const names = members.map(encodedName);
  const order = members.map((_, index) => index);
  order.sort((left, right) => compareBytes(names[left]!, names[right]!));
  const shape = { members, order, encoded: order.map((index) => names[index]!) };
  // What has very many members is no shape of others.
  if (members.length <= MOST_MEMBERS) shapes[depth] = shape;
  return shape;
}

function encodedName(member: string): Uint8Array {
  const known = names.get(member);
  if (known !== undefined) return known;
  const writer = new Writer();
  writer.text(member);
  const encoded = writer.finish();
  if (names.size < REMEMBERED_NAMES && member.length <= 64) names.set(member, encoded);
  return encoded;
}

/** The error for the first thing in a value that can't be encoded. Slow, and only for failures. */
function culprit(value: unknown, place: string): CuError {
  const found = search(value, place, []);
  const { path, reason } = found ?? { path: place, reason: `is nested more than ${MAXIMUM_DEPTH} deep` };
  return new CuError('invalid-value', `${path} ${reason}`, { place: path });
}

function search(
  value: unknown,
  path: string,
  parents: readonly object[],
): { path: string; reason: string } | undefined {
  switch (typeof value) {
    case 'function':
      return { path, reason: "is a function, which can't be stored; persist Lua source instead" };
    case 'symbol':
      return { path, reason: 'is a symbol, which is no value' };
    case 'string':
      return value.isWellFormed()
        ? undefined
        : { path, reason: 'has half of a surrogate pair, which UTF-8 has no bytes for' };
    case 'object':
      return value === null ? undefined : searchObject(value, path, parents);
    default:
      return undefined;
  }
}

function searchObject(
  value: object,
  path: string,
  parents: readonly object[],
): { path: string; reason: string } | undefined {
  if (value instanceof Uint8Array || value instanceof CuFloat || value instanceof CuFunctionRef)
    return undefined;
  if (parents.includes(value)) return { path, reason: 'contains itself' };
  if (parents.length > MAXIMUM_DEPTH) return { path, reason: `is nested more than ${MAXIMUM_DEPTH} deep` };
  const inside = [...parents, value];
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) {
      const found = search(element, `${path}[${index}]`, inside);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (value instanceof Map) {
    for (const [key, member] of value) {
      const found =
        search(key, `${path} (a key)`, inside) ?? search(member, `${path}[${describe(key)}]`, inside);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (isPlainObject(value)) {
    for (const [name, member] of Object.entries(value)) {
      const found = search(name, `${path} (a key)`, inside) ?? search(member, `${path}.${name}`, inside);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const kind = value.constructor?.name || 'object with a prototype';
  return { path, reason: `is a ${kind}, which is no value; turn it into a plain one first` };
}

function describe(key: unknown): string {
  return typeof key === 'string' ? JSON.stringify(key) : String(key);
}
