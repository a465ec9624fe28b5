/** The page of the older interfaces, built as it is shipped: every call that it shows does what was announced. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { executable, type Page } from '../harness/index.ts';
import { alone, names } from './browsers.ts';

const playground = join(dirname(fileURLToPath(import.meta.url)), '../../playground');

/** What the cards say when all have run, by the names of their calls. */
async function results(page: Page): Promise<Record<string, unknown>> {
  const cards = await page.evaluate(
    () =>
      new Promise<[name: string, state: string, text: string][]>((resolve) => {
        const look = () => {
          const cards = [...document.querySelectorAll('.card')];
          const found = cards.map((card) => {
            const output = card.querySelector('output')!;
            return [card.id, output.className, output.textContent] as [string, string, string];
          });
          if (found.length === 0 || !found.every(([, state]) => ['done', 'failed'].includes(state))) return;
          observer.disconnect();
          resolve(found);
        };
        const observer = new MutationObserver(look);
        observer.observe(document.documentElement, { subtree: true, childList: true, attributes: true });
        look();
      }),
  );
  for (const [name, state, text] of cards) assert.equal(state, 'done', `${name}: ${text}`);
  return Object.fromEntries(cards.map(([name, , text]) => [name, JSON.parse(text)]));
}

/** Presses the button of a card. */
function press(page: Page, name: string): Promise<void> {
  return page.evaluate((name) => document.querySelector<HTMLElement>(`#${name} button`)!.click(), name);
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
    const { browser, server } = await alone(t, name, { directory, asSafari: true });
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

    await press(page, 'memory');
    assert.equal((await results(page)).memory, 2);
    await press(page, 'saveState');
    await results(page);
    await page.reload();
    assert.equal((await results(page)).memory, 3, 'what was saved is there');
  });
}
