/**
 * What a database does at a station of its journey on the browser package, in a page or in Node: it
 * arrives as an archive, its functions are called, it leaves as an archive.
 */
import type * as Package from '../../host-browser/src/index.ts';

/** The time of all stations: functions know when they were stored. */
export const NOW = 1_800_000_000;

/** What every station runs, each a call of its own. */
export const CALLS: readonly string[] = [
  'return _home.tools.next()',
  'return _home.tools.again(), _home.tools.peek()',
  'return _home.handlers.main.onSave(7)',
  'return _home.tools.deposit(5)',
  'return _home.tools.tripled()',
  'return _home.tools.account(-2)',
  'return _home.people.greet(1)',
  // What is assigned at one station runs at the others.
  'local before, after = _home.tools.last, _home.tools.peek() ' +
    '_home.tools.last = function() return after end return before and before()',
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
  for (const source of CALLS) results.push(await db.eval(source, [], { time: NOW }));
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
