/**
 * What a database does at a station of its journey on the browser package, in a page or in Node: it
 * arrives as an archive, its functions are called, it leaves as an archive.
 */
import type * as Package from '../../host-browser/src/index.ts';

/** The calls of every station: table, name and arguments. */
export const CALLS: readonly (readonly [table: string, name: string, args: readonly number[]])[] = [
  ['tools', 'next', []],
  ['tools', 'account', [5]],
  ['tools', 'account', [-2]],
  ['people', 'greet', [1]],
];

export interface Visit {
  /** The digest on arrival and on leaving, in hexadecimal digits. */
  readonly arrived: string;
  readonly left: string;
  /** What each call returned. */
  readonly results: readonly unknown[];
  /** The archive on leaving, in base64. */
  readonly archive: string;
}

/** One station, on the package's script for this platform. */
export async function visit(script: 'index.js' | 'node.js', archive: Blob): Promise<Visit> {
  const url = new URL(`../../host-browser/dist/${script}`, import.meta.url).href;
  const { open }: typeof Package = await import(url);
  const storage = script === 'node.js' ? 'memory' : 'indexeddb';
  const name = 'journey';
  let db = await open(name, { storage });
  await db.importArchive(archive);
  const arrived = hex(await db.digest());
  const results: unknown[] = [];
  for (const [table, name, args] of CALLS) results.push(await db.callFunction(table, name, args));
  if (storage === 'indexeddb') {
    // It leaves from what the browser has stored.
    await db.close();
    db = await open(name, { storage });
  }
  const left = hex(await db.digest());
  const bytes = new Uint8Array(await (await db.exportArchive()).arrayBuffer());
  await db.close();
  return { arrived, left, results, archive: btoa(String.fromCharCode(...bytes)) };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** What the harness calls in a page; `path` is where the server has the archive. */
export default async function run({ path }: { path: string }): Promise<Visit> {
  return visit('index.js', await (await fetch(path)).blob());
}
