/** CBOR to values. What the component returns is deterministic, but any well-formed CBOR is read. */
import { CuError } from '../errors.ts';
import { fromHalf } from './float16.ts';
import { CuFunctionRef, FUNCTION_TAG, NEGATIVE_TAG, POSITIVE_TAG } from './values.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads deeper than any value of the data model is; it keeps hostile bytes from the call stack. */
const MAXIMUM_DEPTH = 1000;

/**
 * What decoding gives: integers outside of ±2^53 are BigInts, maps with text keys only are plain
 * objects, and others are Maps.
 */
export type Decoded =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | CuFunctionRef
  | Decoded[]
  | Map<Decoded, Decoded>
  | { [member: string]: Decoded };

/** Decodes one value. Throws a `CuError` with the code `invalid-value` for anything else. */
export function decode(bytes: Uint8Array): Decoded {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  if (!reader.done) throw malformed('there are bytes after the value');
  return value;
}

function malformed(reason: string): CuError {
  return new CuError('invalid-value', `The bytes are no CBOR value: ${reason}.`, { place: 'value' });
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  value(depth: number): Decoded {
    if (depth > MAXIMUM_DEPTH) throw malformed(`it is nested more than ${MAXIMUM_DEPTH} deep`);
    const first = this.#take(1);
    const head = this.#bytes[first]!;
    const info = head & 0x1f;
    switch (head >>> 5) {
      case 0:
        return this.#argument(info);
      case 1: {
        const argument = this.#argument(info);
        return typeof argument === 'number' ? safe(-1 - argument) : -1n - argument;
      }
      case 2:
        return info === 31 ? this.#chunks(2) : this.#byteString(info);
      case 3:
        return info === 31 ? decodeText(this.#chunks(3)) : this.#text(info);
      case 4:
        return this.#array(info, depth);
      case 5:
        return this.#map(info, depth);
      case 6:
        return this.#tagged(info, depth);
      default:
        return this.#simple(info);
    }
  }

  #argument(info: number): number | bigint {
    if (info < 24) return info;
    switch (info) {
      case 24:
        return this.#view.getUint8(this.#take(1));
      case 25:
        return this.#view.getUint16(this.#take(2));
      case 26:
        return this.#view.getUint32(this.#take(4));
      case 27: {
        const value = this.#view.getBigUint64(this.#take(8));
        return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
      }
      default:
        throw malformed('a length is written in a reserved way');
    }
  }

  /** A length: what is longer than all that is left can't be right, and must not be allocated. */
  #length(info: number, smallest: number): number {
    const length = Number(this.#argument(info));
    if (length * smallest > this.#bytes.length - this.#at) throw malformed('it ends too early');
    return length;
  }

  #byteString(info: number): Uint8Array {
    const length = this.#length(info, 1);
    const start = this.#take(length);
    return this.#bytes.slice(start, start + length);
  }

  #text(info: number): string {
    const length = this.#length(info, 1);
    const start = this.#take(length);
    // Short ASCII, which is most of it, is quicker by hand than through the platform.
    if (length <= 16) {
      let text = '';
      let at = start;
      for (; at < start + length; at++) {
        const byte = this.#bytes[at]!;
        if (byte >= 0x80) break;
        text += String.fromCharCode(byte);
      }
      if (at === start + length) return text;
    }
    return decodeText(this.#bytes.subarray(start, start + length));
  }

  #chunks(major: number): Uint8Array {
    const chunks: Uint8Array[] = [];
    let size = 0;
    while (!this.#atBreak()) {
      const head = this.#bytes[this.#take(1)]!;
      if (head >>> 5 !== major || (head & 0x1f) === 31) throw malformed('a chunk is of another type');
      const chunk = this.#byteString(head & 0x1f);
      chunks.push(chunk);
      size += chunk.length;
    }
    const joined = new Uint8Array(size);
    let at = 0;
    for (const chunk of chunks) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    return joined;
  }

  #array(info: number, depth: number): Decoded[] {
    const elements: Decoded[] = [];
    if (info === 31) {
      while (!this.#atBreak()) elements.push(this.value(depth + 1));
    } else {
      const length = this.#length(info, 1);
      for (let index = 0; index < length; index++) elements.push(this.value(depth + 1));
    }
    return elements;
  }

  #map(info: number, depth: number): Decoded {
    const length = info === 31 ? Infinity : this.#length(info, 2);
    const object: { [member: string]: Decoded } = {};
    let map: Map<Decoded, Decoded> | undefined;
    for (let index = 0; index < length; index++) {
      if (info === 31 && this.#atBreak()) break;
      const key = this.value(depth + 1);
      const value = this.value(depth + 1);
      if (map !== undefined) {
        map.set(key, value);
      } else if (typeof key !== 'string') {
        map = new Map<Decoded, Decoded>(Object.entries(object));
        map.set(key, value);
      } else if (key === '__proto__') {
        // Assigning it would change the object's prototype in place of making a member.
        Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
      } else {
        object[key] = value;
      }
    }
    return map ?? object;
  }

  #tagged(info: number, depth: number): Decoded {
    const tag = this.#argument(info);
    const content = this.value(depth + 1);
    if (
      tag === FUNCTION_TAG &&
      ((typeof content === 'number' && content >= 0) || typeof content === 'string')
    )
      return new CuFunctionRef(content);
    if ((tag === POSITIVE_TAG || tag === NEGATIVE_TAG) && content instanceof Uint8Array) {
      const number = bigintOf(content);
      return small(tag === NEGATIVE_TAG ? -1n - number : number);
    }
    throw malformed(`tag ${tag} is unknown`);
  }

  #simple(info: number): Decoded {
    switch (info) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
        return null;
      case 23:
        return undefined;
      case 25:
        return fromHalf(this.#view.getUint16(this.#take(2)));
      case 26:
        return this.#view.getFloat32(this.#take(4));
      case 27:
        return this.#view.getFloat64(this.#take(8));
      default:
        throw malformed('a simple value is unknown');
    }
  }

  #atBreak(): boolean {
    if (this.#bytes[this.#at] !== 0xff) return false;
    this.#at++;
    return true;
  }

  #take(length: number): number {
    const start = this.#at;
    if (length > this.#bytes.length - start) throw malformed('it ends too early');
    this.#at = start + length;
    return start;
  }
}

function safe(value: number): number | bigint {
  return Number.isSafeInteger(value) ? value : BigInt(value);
}

/** The number that bytes are, the first one the highest. */
function bigintOf(bytes: Uint8Array): bigint {
  let digits = '';
  for (const byte of bytes) digits += byte.toString(16).padStart(2, '0');
  return BigInt(`0x0${digits}`);
}

function small(value: bigint): number | bigint {
  return -Number.MAX_SAFE_INTEGER <= value && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw malformed('a text is not UTF-8');
  }
}
