/** How the package is found and loaded: bundled, with a wrong type for the module, on old engines, in Node. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { executable } from '../harness/index.ts';
import { alone, inEachBrowser, openPage } from './browsers.ts';
import { packageRoot, project } from './projects.ts';

test('the_types_satisfy_a_strict_project', async (t) => {
  const directory = await project(t, 'bundled');
  for (const [module, resolution] of [
    ['esnext', 'bundler'],
    ['nodenext', 'nodenext'],
  ] as const) {
    const options = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,dom', '--types', ''];
    execFileSync(
      join(packageRoot, 'node_modules/.bin/tsc'),
      [...options, '--module', module, '--moduleResolution', resolution, 'main.ts', 'compatible.ts'],
      { cwd: directory, stdio: 'inherit' },
    );
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

test('node_runs_the_package_in_memory_and_is_told_of_it', async () => {
  // By a name, so that the types are those of the sources.
  const built: string = '../../dist/node.js';
  const cu: typeof import('../../src/index.ts') = await import(built);
  const db = await cu.open('node', { storage: 'memory' });
  await db.put('t', 1, { a: [1, 2] });
  assert.deepEqual(await db.get('t', 1), { a: [1, 2] });
  await db.close();
  await assert.rejects(cu.open('node'), {
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
