/** The I/O buffer of the module `cu`: where the result of a call is, as bytes. */
import type { Decoded } from '../cbor/decode.ts';
import { decodeValue, encodeValue, FormatError, type OlderValue, UNNAMED } from './format.ts';

/** Where the buffer begins, and how long it is. There is nothing before it and nothing behind. */
const START = 65_536;
const SIZE = 65_536;

/** What stands at the end of output that had no room. */
const CUT = new TextEncoder().encode('...');

const INTEGER_LIMIT = 2n ** 63n;

/** What a call prints and returns, as `readResult` gives it. */
export interface DeserializedResult {
  /** What was printed. */
  readonly output: string;
  /** The first value that was returned, or null. */
  readonly result: unknown;
}

export class IoBuffer {
  readonly #bytes = new Uint8Array(SIZE);
  /** The last result that bytes have no form for, and the number that stands for it in the buffer. */
  #held: { readonly id: number; readonly value: Decoded } | undefined;
  #ids = 0;

  get pointer(): number {
    return START;
  }

  get size(): number {
    return SIZE;
  }

  /** Writes text, and gives how many bytes it takes. */
  writeText(pointer: number, text: string): number {
    const bytes = new TextEncoder().encode(text);
    this.#bytes.set(bytes, this.#offset(pointer, bytes.length));
    return bytes.length;
  }

  readText(pointer: number, length: number): string {
    const at = this.#offset(pointer, length);
    return new TextDecoder().decode(this.#bytes.subarray(at, at + length));
  }

  /** Writes as much of an error's text as there is room for, and gives its bytes as a negative number. */
  writeError(text: string): number {
    const { written } = new TextEncoder().encodeInto(text, this.#bytes);
    return -written;
  }

  /** Writes a result, and gives how many bytes it takes. `kind` is what Lua says of the value. */
  writeResult(printed: Uint8Array, value: Decoded, kind: string): number {
    const encoded = encodeValue(this.#olderValue(value, kind));
    const room = SIZE - 4 - encoded.length;
    if (room < CUT.length) {
      throw new FormatError(
        `the result takes ${encoded.length} bytes, more than the buffer of ${SIZE}; put it into _io.output`,
      );
    }
    const output = printed.length <= room ? printed : cut(printed, room);
    new DataView(this.#bytes.buffer).setUint32(0, output.length, true);
    this.#bytes.set(output, 4);
    this.#bytes.set(encoded, 4 + output.length);
    return 4 + output.length + encoded.length;
  }

  /** Reads a result. A negative length is that of an error's text, which is the result then. */
  readResult(pointer: number, length: number): DeserializedResult {
    if (length < 0) return { output: '', result: this.readText(pointer, -length) };
    const at = this.#offset(pointer, length);
    if (length < 5) return { output: '', result: null };
    const outputLength = new DataView(this.#bytes.buffer).getUint32(at, true);
    if (outputLength > length - 5) throw new FormatError('the output is longer than the result');
    const value = decodeValue(this.#bytes.subarray(at + 4 + outputLength, at + length));
    return { output: this.readText(pointer + 4, outputLength), result: this.#resultOf(value) };
  }

  #offset(pointer: number, length: number): number {
    const at = pointer - START;
    if (Number.isInteger(at) && Number.isInteger(length) && at >= 0 && length >= 0 && at + length <= SIZE)
      return at;
    throw new RangeError(
      `Invalid buffer range: ${length} bytes from ${pointer}; it has ${SIZE} from ${START}`,
    );
  }

  #olderValue(value: Decoded, kind: string): OlderValue {
    if (kind === 'function') return { type: 'library', value: UNNAMED };
    if (value === null || value === undefined) return { type: 'nil' };
    if (typeof value === 'boolean') return { type: 'boolean', value };
    if (kind === 'float') return { type: 'float', value: value as number };
    if (typeof value === 'string') return { type: 'string', value: new TextEncoder().encode(value) };
    if (value instanceof Uint8Array) return { type: 'string', value };
    if (kind === 'integer') return { type: 'integer', value: BigInt(value as number | bigint) };
    // Tables, and integers beyond 64 bits.
    this.#ids = (this.#ids % 0xffff_ffff) + 1;
    this.#held = { id: this.#ids, value };
    return { type: 'table', value: this.#ids };
  }

  #resultOf(value: OlderValue): unknown {
    switch (value.type) {
      case 'nil':
        return null;
      case 'integer':
        return BigInt.asIntN(53, value.value) === value.value ? Number(value.value) : value.value;
      case 'string':
        return new TextDecoder().decode(value.value);
      case 'bytecode':
      case 'library':
        return '<function>';
      case 'table':
        return this.#held?.id === value.value ? this.#held.value : null;
      default:
        return value.value;
    }
  }
}

/** Whether an integer has room in 64 bits. */
export function isInteger64(value: bigint): boolean {
  return value >= -INTEGER_LIMIT && value < INTEGER_LIMIT;
}

/** As much of printed bytes as there is room for, with a sign that there was more. */
function cut(printed: Uint8Array, room: number): Uint8Array {
  const output = new Uint8Array(room);
  let end = room - CUT.length;
  // Not in the midst of a character.
  while (end > 0 && (printed[end]! & 0xc0) === 0x80) end--;
  output.set(printed.subarray(0, end));
  output.set(CUT, end);
  return output.subarray(0, end + CUT.length);
}
