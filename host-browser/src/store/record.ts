/**
 * A log record: the writes of one or more commits, in order, as they go into IndexedDB.
 *
 * Its bytes, numbers little-endian:
 *
 * | bytes | what |
 * |---|---|
 * | 4 | CRC-32 of everything after it |
 * | 4 | which part this is, from 0 |
 * | 4 | how many parts the record has |
 * | 8 | `version`: the number of the last commit in it |
 * | 8 | `first`: the number of the first commit in it; `version + 1` for a record without any |
 * | rest | a part of the runs, each as packed `bytes` that hold packed entries |
 *
 * Applying a record to any state from `first - 1` to `version` gives the state `version`: a run
 * says what its keys hold in the end. This is why records can be folded while others read.
 */
import { crc32 } from './checksum.ts';
import { Entries } from './entries.ts';
import { lengthSize, Unpacker, writeLength } from './pack.ts';

const HEADER_SIZE = 28;

/** A part is written while the next one is made. Engines refuse values of a few hundred MB anyhow. */
const PART_SIZE = 1024 * 1024;

export interface LogRecord {
  readonly first: number;
  readonly version: number;
  /** Writes, to be applied one run after the other. */
  readonly runs: readonly Entries[];
}

/** A record that can't be read. The message says what is wrong with it. */
export class RecordError extends Error {
  override name = 'RecordError';
}

/** How many parts a record has. */
export function partsOf(record: LogRecord, partSize = PART_SIZE): number {
  return Math.max(1, Math.ceil(payloadSize(record) / partSize));
}

/** How many bytes they take together. */
export function recordSize(record: LogRecord): number {
  return payloadSize(record) + HEADER_SIZE * partsOf(record);
}

/** The parts of a record, as they are stored, each made when it is asked for. */
export function* encodeRecord(
  record: LogRecord,
  partSize = PART_SIZE,
): Generator<Uint8Array<ArrayBuffer>, void, void> {
  let left = payloadSize(record);
  const parts = partsOf(record, partSize);
  let part = 0;
  let bytes = new Uint8Array(HEADER_SIZE + Math.min(left, partSize));
  let at = HEADER_SIZE;
  for (const piece of pieces(record)) {
    for (let from = 0; from < piece.length; ) {
      if (at === bytes.length) {
        yield sealPart(bytes, record, part++, parts);
        left -= partSize;
        bytes = new Uint8Array(HEADER_SIZE + Math.min(left, partSize));
        at = HEADER_SIZE;
      }
      const to = Math.min(piece.length, from + bytes.length - at);
      bytes.set(piece.subarray(from, to), at);
      at += to - from;
      from = to;
    }
  }
  yield sealPart(bytes, record, part, parts);
}

function sealPart(
  bytes: Uint8Array<ArrayBuffer>,
  record: LogRecord,
  part: number,
  parts: number,
): Uint8Array<ArrayBuffer> {
  const header = new DataView(bytes.buffer);
  header.setUint32(4, part, true);
  header.setUint32(8, parts, true);
  header.setBigUint64(12, BigInt(record.version), true);
  header.setBigUint64(20, BigInt(record.first), true);
  header.setUint32(0, crc32(bytes.subarray(4)), true);
  return bytes;
}

function payloadSize({ runs }: LogRecord): number {
  return runs.reduce((size, { bytes }) => size + lengthSize(bytes.length) + bytes.length, 0);
}

function* pieces({ runs }: LogRecord): Generator<Uint8Array, void, void> {
  for (const { bytes } of runs) {
    const length = new Uint8Array(lengthSize(bytes.length));
    writeLength(length, 0, bytes.length);
    yield length;
    yield bytes;
  }
}

/** The records that stored parts make up. Throws a `RecordError` for anything damaged or missing. */
export function decodeRecords(stored: readonly unknown[]): LogRecord[] {
  const records: LogRecord[] = [];
  for (let at = 0; at < stored.length; ) {
    const head = readPart(stored[at]);
    const pieces = [head.payload];
    for (let part = 1; part < head.parts; part++) {
      const next = readPart(stored[at + part]);
      if (next.part !== part || next.parts !== head.parts || next.version !== head.version) {
        throw new RecordError(`part ${part} of log record ${head.version} is missing`);
      }
      pieces.push(next.payload);
    }
    if (head.part !== 0) throw new RecordError(`part 0 of log record ${head.version} is missing`);
    at += head.parts;
    records.push({ first: head.first, version: head.version, runs: readRuns(joinPieces(pieces)) });
  }
  return records;
}

function readPart(stored: unknown) {
  if (!(stored instanceof Uint8Array) || stored.length < HEADER_SIZE) {
    throw new RecordError('a log record is missing or is no record at all');
  }
  const header = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  if (crc32(stored.subarray(4)) !== header.getUint32(0, true)) {
    throw new RecordError('the checksum of a log record does not match');
  }
  const parts = header.getUint32(8, true);
  if (parts === 0) throw new RecordError('a log record has no parts');
  return {
    part: header.getUint32(4, true),
    parts,
    version: Number(header.getBigUint64(12, true)),
    first: Number(header.getBigUint64(20, true)),
    payload: stored.subarray(HEADER_SIZE),
  };
}

function joinPieces(pieces: Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const joined = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}

function readRuns(payload: Uint8Array): Entries[] {
  const unpacker = new Unpacker(payload);
  const runs: Entries[] = [];
  while (!unpacker.done) runs.push(Entries.parse(unpacker.take()));
  return runs;
}
