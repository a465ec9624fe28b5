/**
 * The journal on a file, for Node: a head, and log records one behind the other, each part with its length before it.
 *
 * A commit is one record at the end. Opening reads them all; what a crash has left of a last one is cut off. When the
 * log is much longer than the contents, a new file with one record takes its place. One process has the file at a time.
 */
import {
  closeSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { CuError } from '../errors.ts';
import { Entries } from './entries.ts';
import type { Ahead, Durability, Made, StorageInfo } from './journal.ts';
import { MemoryJournal } from './memory.ts';
import { decodeRecords, encodeRecord, type LogRecord, RecordError } from './record.ts';
import { corrupt } from './segments.ts';
import { advance, emptyState, type State } from './state.ts';

/** `CuFile`, and the version in two bytes. */
const HEAD = Uint8Array.of(0x43, 0x75, 0x46, 0x69, 0x6c, 0x65, 0, 1);

/** The file is written anew when it is longer than this and than twice the contents. */
const LONGEST = 4 * 1024 * 1024;

const NOTHING = new Uint8Array(0);

/** Where databases are kept unless it is said. */
export const KEPT: 'indexeddb' | 'file' = 'file';

/** Opens the file of a database, and makes it if there is none. */
export async function openFile(name: string, durability: Durability, directory = '.'): Promise<FileJournal> {
  const path = pathOf(name, directory);
  lock(path, name);
  try {
    return new FileJournal(path, durability, openSync(path, 'a+'));
  } catch (cause) {
    unlock(path);
    throw failure(cause, path);
  }
}

/** Deletes the file of a database, if there is one. */
export async function removeFile(name: string, directory = '.'): Promise<void> {
  const path = pathOf(name, directory);
  lock(path, name);
  rmSync(path, { force: true });
  unlock(path);
}

function pathOf(name: string, directory: string): string {
  return join(resolve(directory), `${encodeURIComponent(name)}.cu`);
}

export class FileJournal extends MemoryJournal {
  override readonly durability: Durability;
  readonly #path: string;
  #file: number;
  #size = 0;
  #records = 0;
  /** A commit on its way. The file does not change hands before it is through. */
  #appending: Promise<void> | undefined;
  #tidying: Promise<void> | undefined;
  /** What was committed while the file is written anew. */
  #late: Uint8Array[] | undefined;

  constructor(path: string, durability: Durability, file: number) {
    super();
    this.#path = path;
    this.durability = durability;
    this.#file = file;
  }

  override async load(): Promise<State> {
    const bytes = readFileSync(this.#path);
    if (
      bytes.length < HEAD.length &&
      HEAD.subarray(0, bytes.length).every((byte, at) => byte === bytes[at])
    ) {
      // A new one, or one whose making was cut short.
      ftruncateSync(this.#file, 0);
      this.#write([HEAD]);
      syncDirectory(this.#path);
      return emptyState;
    }
    if (!HEAD.every((byte, at) => byte === bytes[at])) throw this.#foreign(bytes);
    const { records, end } = readRecords(bytes);
    const state = advance(emptyState, records);
    if (state === undefined) throw corrupt('a commit is missing from its file');
    if (end < bytes.length) ftruncateSync(this.#file, end);
    this.#size = end;
    this.#records = records.length;
    return state;
  }

  override async append(
    _version: number,
    durability: Durability,
    ahead: Ahead | undefined,
    work: Made,
  ): Promise<void> {
    ahead?.();
    const record = work([]);
    if (record === undefined) return;
    this.#appending = this.#append(record, durability).finally(() => {
      this.#appending = undefined;
    });
    await this.#appending;
  }

  async #append(record: LogRecord, durability: Durability): Promise<void> {
    const before = this.#size;
    try {
      const parts = framed(record);
      this.#write(parts);
      if (durability === 'strict') await promisify(fdatasync)(this.#file);
      // Others get their turn; a write alone never gives it.
      else await promisify(setImmediate)();
      this.#late?.push(...parts);
      this.#records++;
    } catch (cause) {
      this.#size = before;
      ftruncateSync(this.#file, before);
      throw failure(cause, this.#path);
    }
  }

  override rest(state: State): void {
    if (this.#tidying !== undefined || this.#size <= Math.max(LONGEST, 2 * state.mirror.bytes)) return;
    this.#tidying = this.#rewrite(state)
      // The file stays as it is and keeps growing; the next rest tries again.
      .catch(() => {})
      .finally(() => {
        this.#late = undefined;
        this.#tidying = undefined;
      });
  }

  override info({ mirror }: State): StorageInfo {
    return {
      kind: 'file',
      bytes: mirror.bytes,
      entries: mirror.entries,
      segments: 0,
      segmentBytes: 0,
      compression: { segments: 0, before: 0, after: 0 },
      logRecords: this.#records,
      logBytes: this.#size,
    };
  }

  override async close(): Promise<void> {
    await this.#tidying;
    closeSync(this.#file);
    unlock(this.#path);
  }

  #write(parts: readonly Uint8Array[]): void {
    for (const part of parts) {
      for (let at = 0; at < part.length; ) at += writeSync(this.#file, part, at);
      this.#size += part.length;
    }
  }

  /** Writes what the state holds to a new file, and what was committed meanwhile, and puts it in the place of the old one. */
  async #rewrite({ mirror, version }: State): Promise<void> {
    this.#late = [];
    const path = `${this.#path}.new`;
    const whole = Entries.parse(mirror.scan(NOTHING, NOTHING, false, 0xffff_ffff, 0xffff_ffff));
    const parts = [HEAD, ...framed({ first: 1, version, runs: [whole] })];
    rmSync(path, { force: true });
    // What is written goes to the end, also after the end was cut off.
    const file = openSync(path, 'a+');
    try {
      let size = 0;
      const write = (part: Uint8Array) => {
        for (let at = 0; at < part.length; ) at += writeSync(file, part, at);
        size += part.length;
      };
      for (const part of parts) write(part);
      await promisify(fdatasync)(file);
      while (this.#appending !== undefined) await this.#appending.catch(() => {});
      // From here on nothing comes between.
      for (const part of this.#late) write(part);
      fsyncSync(file);
      renameSync(path, this.#path);
      closeSync(this.#file);
      // A record has as many parts as lengths.
      [this.#file, this.#size, this.#records] = [file, size, 1 + this.#late.length / 2];
      syncDirectory(this.#path);
    } catch (error) {
      if (this.#file !== file) closeSync(file);
      rmSync(path, { force: true });
      throw error;
    }
  }

  #foreign(bytes: Uint8Array): CuError {
    const ours = HEAD.subarray(0, 6).every((byte, at) => byte === bytes[at]);
    const message = ours
      ? `${this.#path} was written by a newer version of this package; use that version.`
      : `${this.#path} was not made by Cu; choose another name or directory.`;
    return new CuError('unsupported-format', message, { place: 'name' });
  }
}

/** A record's parts, each behind its length. */
function framed(record: LogRecord): Uint8Array[] {
  return [...encodeRecord(record)].flatMap((part) => {
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, part.length, true);
    return [length, part];
  });
}

/** The records of a file, and where the last whole one ends. Throws if what is damaged is not the last. */
function readRecords(bytes: Uint8Array): { records: LogRecord[]; end: number } {
  const records: LogRecord[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = HEAD.length;
  let parts: Uint8Array[] = [];
  for (let at = end; at + 4 <= bytes.length; ) {
    const next = at + 4 + view.getUint32(at, true);
    if (next > bytes.length) break;
    parts.push(bytes.subarray(at + 4, next));
    at = next;
    try {
      records.push(...decodeRecords(parts));
      parts = [];
      end = at;
    } catch (cause) {
      if (!(cause instanceof RecordError)) throw corrupt(String(cause), cause);
      // A record of many parts is not through yet. Anything else is what a crash has left, if nothing follows.
      const isPartial = parts.length < (partsOf(parts[0]!) ?? 0);
      const isLast = bytes.subarray(at).every((byte) => byte === 0);
      if (!isPartial && !isLast) throw corrupt(cause.message, cause);
      if (!isPartial) break;
    }
  }
  return { records, end };
}

/** How many parts the record of a part has. */
function partsOf(part: Uint8Array): number | undefined {
  return part.length < 12 ? undefined : new DataView(part.buffer, part.byteOffset).getUint32(8, true);
}

/** The new name of a file is on disk only when its directory is. */
function syncDirectory(path: string): void {
  const directory = openSync(dirname(path), 'r');
  fsyncSync(directory);
  closeSync(directory);
}

/** Takes the file for this process. What a process that is gone has left is no matter. */
function lock(path: string, name: string): void {
  for (let attempt = 0; ; attempt++) {
    try {
      writeFileSync(`${path}.lock`, String(process.pid), { flag: 'wx' });
      return;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw failure(cause, path);
      const owner = ownerOf(path);
      if (attempt > 0 || (owner !== undefined && isAlive(owner))) {
        throw new CuError(
          'store-unavailable',
          `The database "${name}" is open ${owner === process.pid ? 'already' : `in process ${owner}`}; close it there.`,
          { place: 'name', cause },
        );
      }
      unlock(path);
    }
  }
}

function unlock(path: string): void {
  rmSync(`${path}.lock`, { force: true });
}

function ownerOf(path: string): number | undefined {
  try {
    return Number(readFileSync(`${path}.lock`, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** What the file system refuses, in our own words. */
function failure(cause: unknown, path: string): CuError {
  if (cause instanceof CuError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
  return new CuError(isFull ? 'store-full' : 'store-io', `${path} can't be written: ${message}`, { cause });
}
