/** What a page downloads: the scripts of the page and of its worker, and the component. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';

/** Bytes of all of it, minified and compressed by brotli at its highest quality, at the most. */
export const DOWNLOAD_LIMIT = 365_000;

/** The files with their sizes, as they are and compressed. */
export async function download(dist) {
  const files = new Map();
  const waiting = ['index.js', 'worker.js', 'cu.core.wasm'];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (files.has(file)) continue;
    const bytes = await readFile(join(dist, file));
    const params = {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    };
    files.set(file, { raw: bytes.length, brotli: brotliCompressSync(bytes, { params }).length });
    if (!file.endsWith('.js')) continue;
    for (const [, name] of bytes.toString().matchAll(/(?:from|import\(?)\s*["']\.\/([^"']+\.js)["']/g)) {
      waiting.push(name);
    }
  }
  return [...files]
    .map(([file, sizes]) => ({ file, ...sizes }))
    .sort((left, right) => left.brotli - right.brotli);
}
