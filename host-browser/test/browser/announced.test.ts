/** The page of the older interfaces, built as it is shipped: every call that it shows does what was announced. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Page } from 'puppeteer-core';
import { build } from 'vite';
import { type BrowserName, executable } from '../harness/index.ts';
import { alone } from './browsers.ts';

const playground = join(dirname(fileURLToPath(import.meta.url)), '../../playground');
const names = (process.env.CU_BROWSERS ?? 'chromium,firefox').split(',') as BrowserName[];

/** What the cards say when all have run, by the names of their calls. */
async function results(page: Page): Promise<Record<string, unknown>> {
  await page.waitForFunction(() => {
    const outputs = [...document.querySelectorAll('output')];
    return outputs.length > 0 && outputs.every(({ className }) => ['done', 'failed'].includes(className));
  });
  const texts = await page.$$eval('.card', (cards) =>
    cards.map((card) => [
      card.id,
      card.querySelector('output')!.className,
      card.querySelector('output pre')!.textContent!,
    ]),
  );
  for (const [name, state, text] of texts) assert.equal(state, 'done', `${name}: ${text}`);
  return Object.fromEntries(texts.map(([name, , text]) => [name, JSON.parse(text!)]));
}

for (const name of names.filter((name) => executable(name) !== undefined)) {
  test(`the_page_of_the_older_interfaces_runs_all_that_was_announced (${name})`, async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'cu-announced-'));
    t.after(() => rm(directory, { recursive: true, force: true }));
    await build({
      configFile: join(playground, 'vite.config.mjs'),
      logLevel: 'error',
      build: { outDir: directory },
    });
    const { browser, server } = await alone(t, name, { directory });
    const page = await browser.newPage();
    await page.goto(`${server.origin}/announced.html`);
    const first = await results(page);
    assert.deepEqual(first.batchTableOperations, [
      { success: true },
      { success: true },
      { success: true, data: { name: 'Ada', age: 36 } },
      { success: true, data: false },
      { success: true, data: [{ name: 'Ada', age: 36 }] },
    ]);
    assert.deepEqual(first.evaluate, { name: 'Ada', age: 37 });
    assert.deepEqual(first.queryTable, [{ name: 'Ada', age: 37 }]);
    assert.deepEqual(first.persistFunction, [true, false]);
    assert.equal((first.errors as { code: string }).code, 'INVALID_QUERY_LIMIT');
    assert.deepEqual(first.saveAndLoadState, [true, true]);
    assert.equal((first.auditLog as unknown[]).length, 3);
    assert.deepEqual(first.compute, { output: 'hello\n', result: 42 });
    assert.equal(first.bigint, String(2n ** 100n));
    assert.deepEqual(first.inputAndOutput, { sum: 6 });
    assert.deepEqual(first.failure, [-9, 'error: no']);
    assert.deepEqual(first.saveState, [true, true]);
    assert.equal(first.memory, 1);

    await page.locator('::-p-aria([name="Run memory"])').click();
    await page.waitForFunction(() => document.querySelector('#memory output')?.textContent === '2');
    await page.locator('::-p-aria([name="Run saveState"])').click();
    await results(page);
    await page.reload();
    assert.equal((await results(page)).memory, 3, 'what was saved is there');
  });
}
