/** How the package is found and loaded: bundled, with a wrong type for the module, on old engines, in Node. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
// @ts-expect-error It has no types.
import { DOWNLOAD_LIMIT, download } from '../../scripts/size.mjs';
import { executable } from '../harness/index.ts';
import { alone, inEachBrowser, openPage } from './browsers.ts';
import { packageRoot, project } from './projects.ts';

test('the_types_satisfy_a_strict_project', async (t) => {
  const directory = await project(t, 'bundled');
  // What `npm run check` asks of the sources, the types that are published must say too.
  const schema = await readFile(join(packageRoot, 'test/types/schema.ts'), 'utf8');
  await writeFile(join(directory, 'schema.ts'), schema.replace('../../src/index.ts', 'cu-db'));
  for (const [module, resolution] of [
    ['esnext', 'bundler'],
    ['nodenext', 'nodenext'],
  ] as const) {
    const options = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,dom', '--types', ''];
    execFileSync(
      join(packageRoot, 'node_modules/.bin/tsc'),
      [
        ...options,
        '--module',
        module,
        '--moduleResolution',
        resolution,
        'main.ts',
        'compatible.ts',
        'schema.ts',
      ],
      { cwd: directory, stdio: 'inherit' },
    );
  }
});

test('a_page_downloads_no_more_than_the_limit_and_source_maps_come_with_the_scripts', async () => {
  const files: { file: string; brotli: number }[] = await download(join(packageRoot, 'dist'));
  const total = files.reduce((sum, { brotli }) => sum + brotli, 0);
  assert.ok(total <= DOWNLOAD_LIMIT, `${total} bytes: ${JSON.stringify(files)}`);
  for (const { file } of files.filter(({ file }) => file.endsWith('.js'))) {
    const script = await readFile(join(packageRoot, 'dist', file), 'utf8');
    assert.ok(script.includes(`//# sourceMappingURL=${file}.map`), file);
    const map = JSON.parse(await readFile(join(packageRoot, 'dist', `${file}.map`), 'utf8'));
    assert.ok(map.sourcesContent.length > 0 || map.sources.length === 0, file);
  }
});

test('a_module_that_the_server_gives_another_type_is_loaded_too', {
  skip: executable('chromium') === undefined,
}, async (t) => {
  const { browser, server } = await alone(t, 'chromium', { wasmType: 'application/octet-stream' });
  const page = await openPage(browser, server);
  const stats = await page.evaluate(async () => (await cu.open('octets', { storage: 'memory' })).stats());
  assert.equal(stats.documents, 0);
});

test('node_keeps_databases_in_files_and_has_no_indexeddb', async (t) => {
  // By a name, so that the types are those of the sources.
  const built: string = '../../dist/node.js';
  const cu: typeof import('../../src/index.ts') = await import(built);
  const directory = await mkdtemp(join(tmpdir(), 'cu-node-'));
  t.after(() => rm(directory, { recursive: true }));
  const db = await cu.open('node', { directory });
  await db.put('t', 1, { a: [1, 2] });
  await db.close();
  const again = await cu.open('node', { directory });
  assert.deepEqual(await again.get('t', 1), { a: [1, 2] });
  await again.close();
  await assert.rejects(cu.open('node', { storage: 'indexeddb' }), {
    name: 'CuError',
    code: 'store-unavailable',
    message: /storage: 'memory'/,
  });
});

inEachBrowser('loading', (tabs) => {
  test('an_engine_without_final_exception_handling_is_unsupported_engine', async () => {
    const page = await tabs.open();
    const [code, message] = await page.evaluate(async () => {
      WebAssembly.validate = () => false;
      const error = await cu.open('old').catch((error) => error);
      return [error.code, error.message];
    });
    assert.equal(code, 'unsupported-engine');
    assert.match(message, /Chrome 137, Firefox 131, Safari 18\.4/);
    await page.close();
  });

  test('a_module_that_is_missing_is_unsupported_engine_and_can_be_tried_again', async () => {
    const page = await tabs.open();
    const outcomes = await page.evaluate(async () => {
      const { fetch } = globalThis;
      globalThis.fetch = async () => new Response('', { status: 404 });
      const refused = await store.outcome(cu.open('missing', { storage: 'memory' }));
      globalThis.fetch = fetch;
      return [refused, (await (await cu.open('missing', { storage: 'memory' })).storage()).kind];
    });
    assert.deepEqual(outcomes, ['unsupported-engine', 'memory']);
    await page.close();
  });
});
