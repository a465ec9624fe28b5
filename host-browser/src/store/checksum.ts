/** CRC-32 (the polynomial of gzip and PNG), two words at a time. */

/** Eight tables of 256, one behind the other. */
const TABLES = makeTables();

/** The CRC-32 of bytes, as an unsigned number. */
export function crc32(bytes: Uint8Array): number {
  if (bytes.byteOffset % 4 !== 0) return crc32(new Uint8Array(bytes));
  // Every platform that has IndexedDB or Node is little-endian.
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  const tables = TABLES;
  let crc = -1;
  let at = 0;
  for (const end = words.length - 1; at < end; at += 2) {
    const low = crc ^ words[at]!;
    const high = words[at + 1]!;
    crc =
      tables[0x700 | (low & 0xff)]! ^
      tables[0x600 | ((low >>> 8) & 0xff)]! ^
      tables[0x500 | ((low >>> 16) & 0xff)]! ^
      tables[0x400 | (low >>> 24)]! ^
      tables[0x300 | (high & 0xff)]! ^
      tables[0x200 | ((high >>> 8) & 0xff)]! ^
      tables[0x100 | ((high >>> 16) & 0xff)]! ^
      tables[high >>> 24]!;
  }
  for (at *= 4; at < bytes.length; at++) crc = tables[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return (crc ^ -1) >>> 0;
}

function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const crc = tables[at - 256]!;
    tables[at] = tables[crc & 0xff]! ^ (crc >>> 8);
  }
  return tables;
}
