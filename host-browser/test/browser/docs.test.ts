/** The examples of the documents that need a page do what these say, each section by itself with empty storage. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { comments, logs, sections } from '../docs/examples.ts';
import {
  executable,
  type LaunchedBrowser,
  launch,
  repositoryRoot,
  type Server,
  serve,
} from '../harness/index.ts';
import { CHUNKS } from '../unit/chunks.ts';
import { names, openPage } from './browsers.ts';
import { leaveOlder, type OlderTables } from './older.ts';

/** What a module of a document's example may do that no page has to allow: come from a blob. */
const POLICY = "default-src 'self'; script-src 'self' blob: 'wasm-unsafe-eval'";

/** Where what examples import is served. */
const MODULES: Record<string, string> = {
  'cu-db': '/host-browser/dist/index.js',
  'cu-db/cu-api': '/host-browser/dist/cu-api.js',
  'cu-db/enhanced': '/host-browser/dist/enhanced.js',
  'cu-db/io-wrapper': '/host-browser/dist/io-wrapper.js',
  'cu-db/migrate': '/host-browser/dist/migrate.js',
  dexie: '/host-browser/node_modules/dexie/dist/modern/dexie.mjs',
};

/** What the sections about the older module find. */
const OLDER: OlderTables = {
  1: {
    visits: '022900000000000000',
    greeting: '040500000068656c6c6f',
    shout: `05${(CHUNKS.upper.length / 2).toString(16)}000000${CHUNKS.upper}`,
    users: '0703000000',
  },
  3: { ada: '0704000000' },
  4: { name: '0403000000416461', born: '021707000000000000' },
};

const documents = await Promise.all(
  ['migration.md', 'compatibility.md', 'storage.md'].map(async (name) => {
    const text = await readFile(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');
    return [name, sections(text)] as const;
  }),
);

for (const name of names) {
  describe(`examples (${name})`, { skip: executable(name) === undefined }, () => {
    let browser: LaunchedBrowser;
    let server: Server;
    before(async () => {
      server = await serve(repositoryRoot, { policy: POLICY });
      browser = await launch(name, { asSafari: true });
    });
    after(async () => {
      await browser.close();
      await server.close();
    });
    for (const [document, examples] of documents) {
      for (const { title, code } of examples) {
        test(`${document}: ${title}`, async () => {
          const page = await openPage(browser, server);
          await page.evaluate(async () => {
            localStorage.clear();
            for (const { name } of await indexedDB.databases()) await store.removeDatabase(name!);
          });
          if (title.includes('cu 2.1')) await leaveOlder(page, 'LuaPersistentDB', OLDER);
          const logged = await page.evaluate(
            async (source) => {
              const texts: string[] = [];
              const tell = (value: unknown) => texts.push(JSON.stringify(value));
              Object.assign(globalThis, { tell });
              await import(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
              return texts;
            },
            moduleOf(code, server.origin),
          );
          const expected = comments(code);
          assert.deepEqual(
            logged.map((text) => JSON.parse(text)),
            expected,
          );
          assert.equal(expected.length, logs(code), 'each has its comment');
          await page.close();
        });
      }
    }
  });
}

/** An example as a module, with absolute imports, that tells what it logs. */
function moduleOf(code: string, origin: string): string {
  const imported = code.replace(/^(import .* from )'([^']*)'/gm, (_, what, name) => {
    assert.ok(MODULES[name], `${name} is known`);
    return `${what}'${origin}${MODULES[name]}'`;
  });
  return `const console = { log: (value) => globalThis.tell(value) };\n${imported}`;
}
