/**
 * Archives: a whole database as one file, the same one that the native host writes and reads.
 * `docs/format.md` has the bytes. What is in the pages is the component's business, and so are the checks
 * of what comes in; here is how pages become a file.
 */
import type { Engine } from './engine/engine.ts';
import { CuError, stopIfAsked } from './errors.ts';
import { Unpacker } from './store/pack.ts';
import { turn } from './turn.ts';

/** `CuArch`, and the version in two bytes. */
const HEAD = Uint8Array.of(0x43, 0x75, 0x41, 0x72, 0x63, 0x68, 0, 1);

/** Bytes of a page, at the most. */
const LARGEST_PAGE = 32 * 1024 * 1024;

/** How far an export or import has come. */
export interface ArchiveProgress {
  /** Entries of the store, which are documents for the most part. */
  readonly entries: number;
  /** Bytes of these entries before compression. */
  readonly bytes: number;
}

export interface ArchiveOptions {
  /** Ends the export or import, which then rejects with `cancelled`. */
  readonly signal?: AbortSignal;
  /** Told after each page of about 1 MB. */
  readonly onProgress?: (progress: ArchiveProgress) => void;
}

const WHAT = 'The export or import';

type Pages = Engine['archive'];

/** What an import calls; each is a transaction that others may come before or after. */
export type ImportCalls = {
  readonly [Name in 'importPage' | 'finishImport' | 'abortImport']: (
    ...args: Parameters<Pages[Name]>
  ) => Promise<ReturnType<Pages[Name]>>;
};

/** Writes an archive of what an engine sees, which has to stay the same until the end. */
export async function writeArchive(engine: Engine, options: ArchiveOptions): Promise<Blob> {
  const { signal, onProgress } = options;
  const gzip = new CompressionStream('gzip');
  const pressed = new Response(gzip.readable).blob();
  const writer = gzip.writable.getWriter();
  try {
    let entries = 0;
    let bytes = 0;
    let after: Uint8Array | undefined;
    do {
      stopIfAsked(signal, WHAT);
      const page = engine.archive.exportPage(after);
      if (page.entries.length > 0) {
        await writer.write(number32(page.entries.length));
        await writer.write(page.entries as Uint8Array<ArrayBuffer>);
        entries += countEntries(page.entries);
        bytes += page.entries.length;
        onProgress?.({ entries, bytes });
      }
      after = page.next;
      await turn();
    } while (after !== undefined);
    stopIfAsked(signal, WHAT);
    await writer.write(number32(0));
    await writer.write(number64(entries));
    await writer.write(engine.admin.digest() as Uint8Array<ArrayBuffer>);
    await writer.close();
    return new Blob([HEAD, await pressed], { type: 'application/octet-stream' });
  } catch (error) {
    pressed.catch(() => {});
    writer.abort(error).catch(() => {});
    throw error;
  }
}

/** Fills an empty database with what an archive has, or leaves it empty. */
export async function readArchive(blob: Blob, calls: ImportCalls, options: ArchiveOptions): Promise<void> {
  const { signal, onProgress } = options;
  checkHead(await bytesOf(blob.slice(0, HEAD.length)));
  stopIfAsked(signal, WHAT);
  // What another import has left.
  await abort(calls);
  const pages = new PageReader(blob.slice(HEAD.length));
  try {
    let entries = 0;
    let bytes = 0;
    for (;;) {
      const length = view(await pages.take(4)).getUint32(0);
      if (length === 0) break;
      if (length > LARGEST_PAGE) throw damaged('a page is longer than pages are');
      const page = await pages.take(length);
      stopIfAsked(signal, WHAT);
      await calls.importPage(page);
      entries += countEntries(page);
      bytes += length;
      onProgress?.({ entries, bytes });
    }
    const trailer = await pages.take(8 + 32);
    await pages.end();
    if (view(trailer).getBigUint64(0) !== BigInt(entries)) {
      throw damaged('it has another number of entries than it says');
    }
    stopIfAsked(signal, WHAT);
    while (!(await calls.finishImport(trailer.subarray(8)))) stopIfAsked(signal, WHAT);
  } catch (error) {
    // If that fails as well, the first error is the one to tell; the next import begins with this.
    await abort(calls).catch(() => {});
    throw ofArchive(error);
  } finally {
    await pages.cancel();
  }
}

async function abort(calls: ImportCalls): Promise<void> {
  while (!(await calls.abortImport()));
}

function checkHead(head: Uint8Array): void {
  const version = head.length === HEAD.length ? view(head).getUint16(6) : 0;
  if (version === 0 || HEAD.subarray(0, 6).some((byte, index) => byte !== head[index])) {
    throw unsupported('The file is no archive of Cu; `exportArchive` and `cu backup` write one.');
  }
  if (version > 1) {
    throw unsupported(
      `The archive has version ${version}, newer than this package's 1; use a newer package.`,
    );
  }
}

/** Reads what is compressed in a blob, as much at a time as is asked for. */
class PageReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #rest = new Uint8Array(0);

  constructor(blob: Blob) {
    this.#reader = blob.stream().pipeThrough(new DecompressionStream('gzip')).getReader();
  }

  /** So many bytes, or the error that there are not. */
  async take(size: number): Promise<Uint8Array> {
    const taken: Uint8Array[] = [];
    let missing = size;
    while (missing > 0) {
      if (this.#rest.length === 0 && !(await this.#more())) throw damaged('it ends too early');
      const piece = this.#rest.subarray(0, missing);
      this.#rest = this.#rest.subarray(piece.length);
      missing -= piece.length;
      if (piece.length === size) return piece;
      taken.push(piece);
    }
    const whole = new Uint8Array(size);
    let at = 0;
    for (const piece of taken) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  /** Nothing may follow. Only behind the last byte does gzip compare its checksum. */
  async end(): Promise<void> {
    if (this.#rest.length > 0 || (await this.#more())) throw damaged('something follows its end');
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }

  async #more(): Promise<boolean> {
    try {
      let read = await this.#reader.read();
      while (!read.done && read.value.length === 0) read = await this.#reader.read();
      this.#rest = (read.value ?? new Uint8Array(0)) as Uint8Array<ArrayBuffer>;
      return !read.done;
    } catch (cause) {
      throw readError(cause, 'it can not be decompressed');
    }
  }
}

async function bytesOf(blob: Blob): Promise<Uint8Array> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (cause) {
    throw readError(cause, 'it can not be read');
  }
}

/** Decompression throws a `TypeError`; a file that is gone or not readable any more, a `DOMException`. */
function readError(cause: unknown, what: string): CuError {
  if (cause instanceof DOMException) {
    return new CuError('archive-io', `The archive can't be read: ${cause.message}`, { cause });
  }
  return damaged(what, cause);
}

/** The component's error about a page, with the file for its place: nobody but this module knows the pages. */
function ofArchive(error: unknown): unknown {
  if (!(error instanceof CuError) || error.place === 'archive') return error;
  if (error.code === 'corrupt' || error.code === 'invalid-argument') return damaged(error.message, error);
  if (error.code === 'unsupported-format') return unsupported(error.message);
  return error;
}

function damaged(what: string, cause?: unknown): CuError {
  return new CuError('corrupt', `The archive is damaged: ${what}; use another copy of it.`, {
    place: 'archive',
    cause,
  });
}

function unsupported(message: string): CuError {
  return new CuError('unsupported-format', message, { place: 'archive' });
}

function countEntries(packed: Uint8Array): number {
  const unpacker = new Unpacker(packed);
  let count = 0;
  for (; !unpacker.done; count++) {
    unpacker.skip();
    unpacker.skipOptional();
  }
  return count;
}

function number32(value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4);
  view(bytes).setUint32(0, value);
  return bytes;
}

function number64(value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8);
  view(bytes).setBigUint64(0, BigInt(value));
  return bytes;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
