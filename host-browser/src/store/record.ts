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

/** Engines refuse values of a few hundred MB, so a larger record is cut. */
const PART_SIZE = 32 * 1024 * 1024;

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

/** The parts of a record, as they are stored. */
export function encodeRecord(record: LogRecord, partSize = PART_SIZE): Uint8Array<ArrayBuffer>[] {
  let size = 0;
  for (const run of record.runs) size += lengthSize(run.bytes.length) + run.bytes.length;
  const payload = new Uint8Array(HEADER_SIZE + size);
  let at = HEADER_SIZE;
  for (const run of record.runs) {
    at = writeLength(payload, at, run.bytes.length);
    payload.set(run.bytes, at);
    at += run.bytes.length;
  }
  const parts = Math.max(1, Math.ceil(size / partSize));
  if (parts === 1) return [sealPart(payload, record, 0, 1)];
  return Array.from({ length: parts }, (_, part) => {
    const start = HEADER_SIZE + part * partSize;
    const piece = payload.subarray(start, Math.min(start + partSize, payload.length));
    const bytes = new Uint8Array(HEADER_SIZE + piece.length);
    bytes.set(piece, HEADER_SIZE);
    return sealPart(bytes, record, part, parts);
  });
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
