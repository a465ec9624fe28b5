/**
 * The bytes of values in the module `cu` 2.1, little-endian: in its I/O buffer, and in what it left in IndexedDB.
 *
 * | Bytes | Value |
 * |---|---|
 * | `00` | nil |
 * | `01`, 1 byte | boolean |
 * | `02`, 8 bytes | integer |
 * | `03`, 8 bytes | float |
 * | `04`, u32 length, bytes | string |
 * | `05`, u32 length, bytes | function, as bytecode of Lua 5.4 |
 * | `06`, u16 | function of the standard library, by its number; `ffff` for one without |
 * | `07`, u32 | another table, by its id |
 */

/** The first byte of a value. */
export const Tag = {
  nil: 0,
  boolean: 1,
  integer: 2,
  float: 3,
  string: 4,
  bytecode: 5,
  library: 6,
  table: 7,
} as const;

/** The number of a library's function that has none. */
export const UNNAMED = 0xffff;

export type OlderValue =
  | { readonly type: 'nil' }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'integer'; readonly value: bigint }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'string' | 'bytecode'; readonly value: Uint8Array }
  | { readonly type: 'library' | 'table'; readonly value: number };

/** Bytes that are no value. */
export class FormatError extends Error {
  override name = 'FormatError';
}

/** Reads one value, behind which there must be nothing. */
export function decodeValue(bytes: Uint8Array): OlderValue {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const expect = (size: number) => {
    if (bytes.length !== 1 + size)
      throw new FormatError(`a value has ${bytes.length} bytes in place of ${1 + size}`);
  };
  switch (bytes[0]) {
    case Tag.nil:
      expect(0);
      return { type: 'nil' };
    case Tag.boolean:
      expect(1);
      return { type: 'boolean', value: bytes[1] !== 0 };
    case Tag.integer:
      expect(8);
      return { type: 'integer', value: view.getBigInt64(1, true) };
    case Tag.float:
      expect(8);
      return { type: 'float', value: view.getFloat64(1, true) };
    case Tag.string:
    case Tag.bytecode: {
      if (bytes.length < 5) throw new FormatError('a value ends inside of its length');
      expect(4 + view.getUint32(1, true));
      return { type: bytes[0] === Tag.string ? 'string' : 'bytecode', value: bytes.slice(5) };
    }
    case Tag.library:
      expect(2);
      return { type: 'library', value: view.getUint16(1, true) };
    case Tag.table:
      expect(4);
      return { type: 'table', value: view.getUint32(1, true) };
    default:
      throw new FormatError(
        bytes.length === 0 ? 'a value is empty' : `a value begins with the byte ${bytes[0]}`,
      );
  }
}

/** Writes one value. */
export function encodeValue(value: OlderValue): Uint8Array {
  const tag = Tag[value.type];
  switch (value.type) {
    case 'nil':
      return Uint8Array.of(tag);
    case 'boolean':
      return Uint8Array.of(tag, Number(value.value));
    case 'string':
    case 'bytecode': {
      const bytes = new Uint8Array(5 + value.value.length);
      bytes[0] = tag;
      new DataView(bytes.buffer).setUint32(1, value.value.length, true);
      bytes.set(value.value, 5);
      return bytes;
    }
    default: {
      const bytes = new Uint8Array({ integer: 9, float: 9, library: 3, table: 5 }[value.type]);
      const view = new DataView(bytes.buffer);
      bytes[0] = tag;
      if (value.type === 'integer') view.setBigInt64(1, value.value, true);
      else if (value.type === 'float') view.setFloat64(1, value.value, true);
      else if (value.type === 'library') view.setUint16(1, value.value, true);
      else view.setUint32(1, value.value, true);
      return bytes;
    }
  }
}
