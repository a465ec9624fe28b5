/**
 * Segments: the sorted contents of the store as of one commit, cut into pieces of a few hundred KB,
 * and the directory that lists them. The log goes on from there.
 *
 * A compaction rewrites only the segments that the log touches. Each segment owns the range from
 * its first key to the next one's; the first owns everything before, too.
 */
import { compareBytes } from '../bytes.ts';
import { CuError } from '../errors.ts';
import { crc32 } from './checksum.ts';
import { Entries } from './entries.ts';
import type { Mirror } from './mirror.ts';
import { packKeys, Unpacker } from './pack.ts';
import type { LogRecord } from './record.ts';

/** Bytes of packed entries in one segment. */
const SEGMENT_SIZE = 512 * 1024;

/** Compression is kept if it leaves at most this share of the bytes. */
const WORTHWHILE_SHARE = 0.85;

export const DIRECTORY_KEY = 'directory';

export interface SegmentInfo {
  readonly id: number;
  readonly firstKey: Uint8Array;
  /** Bytes of packed entries. */
  readonly size: number;
  /** Bytes as stored, and their CRC-32. */
  readonly storedSize: number;
  readonly checksum: number;
  readonly compressed: boolean;
}

export interface Directory {
  /** The number of the newest commit that the segments hold. */
  readonly version: number;
  readonly nextId: number;
  readonly segments: readonly SegmentInfo[];
}

export const emptyDirectory: Directory = { version: 0, nextId: 1, segments: [] };

/** The error for stored bytes that nothing of this format wrote. */
export function corrupt(what: string, cause?: unknown): CuError {
  return new CuError(
    'store-corrupt',
    `The database is damaged: ${what}. Nothing was changed; restore it from an export, or delete it.`,
    { cause },
  );
}

/** A directory as it was read, if it is one. */
export function checkDirectory(stored: unknown): Directory {
  if (stored === undefined) return emptyDirectory;
  if (!isDirectory(stored)) throw corrupt('its directory of segments is no such thing');
  return stored;
}

function isDirectory(stored: unknown): stored is Directory {
  if (typeof stored !== 'object' || stored === null) return false;
  const { version, nextId, segments } = stored as Partial<Directory>;
  return (
    Number.isSafeInteger(version) &&
    Number.isSafeInteger(nextId) &&
    Array.isArray(segments) &&
    segments.every(
      (segment) =>
        typeof segment === 'object' &&
        segment !== null &&
        Number.isSafeInteger(segment.id) &&
        segment.firstKey instanceof Uint8Array &&
        Number.isSafeInteger(segment.size) &&
        Number.isSafeInteger(segment.storedSize) &&
        typeof segment.checksum === 'number' &&
        typeof segment.compressed === 'boolean',
    )
  );
}

/** The entries of a segment. */
export async function readSegment(info: SegmentInfo, stored: unknown): Promise<Entries> {
  if (!(stored instanceof Uint8Array)) throw corrupt(`segment ${info.id} is missing`);
  if (stored.length !== info.storedSize || crc32(stored) !== info.checksum) {
    throw corrupt(`the checksum of segment ${info.id} does not match`);
  }
  try {
    const bytes = info.compressed ? await transform(stored, new DecompressionStream('deflate-raw')) : stored;
    if (bytes.length !== info.size) throw corrupt(`segment ${info.id} has the wrong size`);
    return Entries.parse(bytes);
  } catch (cause) {
    throw cause instanceof CuError ? cause : corrupt(`segment ${info.id} can't be read`, cause);
  }
}

/** What a compaction puts in place of what. */
export interface Compaction {
  readonly directory: Directory;
  readonly added: readonly { readonly id: number; readonly stored: Uint8Array }[];
  readonly removed: readonly number[];
}

/** Makes the segments of a mirror out of those of a directory and the log that lies between. */
export async function compact(
  directory: Directory,
  log: readonly LogRecord[],
  mirror: Mirror,
  version: number,
): Promise<Compaction> {
  const kept = directory.segments;
  const dirty = dirtySegments(kept, log);
  const segments: SegmentInfo[] = [];
  const added: { id: number; stored: Uint8Array }[] = [];
  const removed: number[] = [];
  let nextId = directory.nextId;
  let at = 0;
  while (at < Math.max(1, kept.length)) {
    if (kept.length > 0 && !dirty.has(at)) {
      segments.push(kept[at]!);
      at++;
      continue;
    }
    const start = at === 0 ? new Uint8Array(0) : kept[at]!.firstKey;
    while (at < kept.length && dirty.has(at)) removed.push(kept[at++]!.id);
    const end = kept[at]?.firstKey;
    for (const run of mirror.runs(start, end, SEGMENT_SIZE)) {
      const id = nextId++;
      const { stored, info } = await makeSegment(id, run);
      added.push({ id, stored });
      segments.push(info);
    }
    if (kept.length === 0) break;
  }
  return { directory: { version, nextId, segments }, added, removed };
}

function dirtySegments(segments: readonly SegmentInfo[], log: readonly LogRecord[]): Set<number> {
  const dirty = new Set<number>();
  for (const record of log) {
    for (const run of record.runs) {
      for (let index = 0; index < run.count; index++) {
        let low = 1;
        let high = segments.length;
        while (low < high) {
          const middle = (low + high) >>> 1;
          if (run.compareKey(index, segments[middle]!.firstKey) >= 0) low = middle + 1;
          else high = middle;
        }
        dirty.add(low - 1);
        // Keys ascend in a run: on to the first one that the next segment owns.
        const next = segments[low]?.firstKey;
        if (next === undefined) break;
        index = run.lowerBound(next, index) - 1;
      }
    }
  }
  return dirty;
}

async function makeSegment(id: number, run: Uint8Array): Promise<{ stored: Uint8Array; info: SegmentInfo }> {
  const pressed = await transform(run, new CompressionStream('deflate-raw'));
  const compressed = pressed.length <= run.length * WORTHWHILE_SHARE;
  // A run may be a view into a leaf: what is stored must not drag the leaf along.
  const stored = compressed ? pressed : run.slice();
  const firstKey = new Unpacker(run).take().slice();
  return {
    stored,
    info: {
      id,
      firstKey,
      size: run.length,
      storedSize: stored.length,
      checksum: crc32(stored),
      compressed,
    },
  };
}

/** One record in place of many: every key that they touch, as the mirror holds it now. */
export function foldRecords(log: readonly LogRecord[], mirror: Mirror, version: number): LogRecord {
  const keys: Uint8Array[] = [];
  for (const record of log) {
    for (const run of record.runs) for (let index = 0; index < run.count; index++) keys.push(run.key(index));
  }
  keys.sort(compareBytes);
  const distinct = keys.filter((key, index) => index === 0 || compareBytes(key, keys[index - 1]!) !== 0);
  const values = mirror.getMany(packKeys(distinct));
  return { first: log[0]!.first, version, runs: [zip(distinct, values)] };
}

/** Entries of keys and their packed values. */
function zip(keys: readonly Uint8Array[], values: Uint8Array): Entries {
  const packedKeys = packKeys(keys);
  const packed = new Uint8Array(packedKeys.length + values.length);
  const key = new Unpacker(packedKeys);
  const value = new Unpacker(values);
  let at = 0;
  while (!key.done) {
    const keyStart = key.offset;
    key.skip();
    packed.set(packedKeys.subarray(keyStart, key.offset), at);
    at += key.offset - keyStart;
    const valueStart = value.offset;
    value.skipOptional();
    packed.set(values.subarray(valueStart, value.offset), at);
    at += value.offset - valueStart;
  }
  return Entries.parse(packed);
}

async function transform(
  bytes: Uint8Array,
  stream: CompressionStream | DecompressionStream,
): Promise<Uint8Array<ArrayBuffer>> {
  const writer = stream.writable.getWriter();
  // The writes fail together with the reading below, which reports it.
  writer.write(bytes as Uint8Array<ArrayBuffer>).catch(() => {});
  writer.close().catch(() => {});
  return new Uint8Array(await new Response(stream.readable).arrayBuffer());
}
