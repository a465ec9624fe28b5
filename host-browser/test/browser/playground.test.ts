/** The playground, built as it is shipped and used as people do, in Chromium. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Page } from 'puppeteer-core';
import { build } from 'vite';
import { executable, launch, type PuppeteerBrowser, type Server, serve } from '../harness/index.ts';

const playground = join(dirname(fileURLToPath(import.meta.url)), '../../playground');

/** The editor puts its style sheet into the page. */
const POLICY =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'";

/** Clicks the button, tab or menu item of a name, as soon as there is one. */
async function click(page: Page, name: string): Promise<void> {
  await page.locator(`::-p-aria([name="${name}"])`).click();
}

async function fill(page: Page, label: string, value: string): Promise<void> {
  await page.locator(`::-p-aria([name="${label}"])`).fill(value);
}

/** Waits until an element says what is expected. */
async function says(page: Page, selector: string, expected: string): Promise<void> {
  await page.waitForFunction(
    (selector, expected) =>
      [...document.querySelectorAll(selector)].some(({ textContent }) => textContent.includes(expected)),
    { timeout: 30_000 },
    selector,
    expected,
  );
}

async function script(page: Page, source: string): Promise<void> {
  await page.focus('.cm-content');
  await page.keyboard.down('Control');
  await page.keyboard.press('a');
  await page.keyboard.up('Control');
  // Typed text would get the closing brackets of the editor.
  const session = await page.createCDPSession();
  await session.send('Input.insertText', { text: source });
  await session.detach();
}

describe('playground', { skip: executable('chromium') === undefined }, () => {
  let directory: string;
  let server: Server;
  let browser: PuppeteerBrowser;
  let page: Page;
  const broken: string[] = [];

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cu-playground-'));
    const outDir = join(directory, 'some/folder');
    await build({ configFile: join(playground, 'vite.config.mjs'), logLevel: 'error', build: { outDir } });
    server = await serve(directory, { policy: POLICY });
    browser = await launch('chromium');
    page = await browser.newPage();
    page.on('pageerror', (error) => broken.push(String(error)));
    await page.goto(`${server.origin}/some/folder/index.html`);
  });

  after(async () => {
    await browser?.close();
    await server?.close();
    await rm(directory, { recursive: true, force: true });
  });

  test('the_sample_cities_are_loaded_with_their_indexes', async () => {
    await click(page, 'Samples, import, export');
    await click(page, 'Load the sample cities');
    await says(page, '.news', '4,442 cities');
  });

  test('ctrl_enter_runs_lua_and_shows_what_it_prints_and_returns', async () => {
    await script(page, 'print("asked")\nreturn db.cities:count(), {1, 2}');
    await page.keyboard.down('Control');
    await page.keyboard.press('Enter');
    await page.keyboard.up('Control');
    await says(page, '.output', 'asked');
    await says(page, '.outcome td', '4442');
    await says(page, '.outcome td', '[1, 2]');
  });

  test('an_error_marks_its_line_and_says_what_to_do', async () => {
    await script(page, 'local a = 1\nreturn _home.nowhere.x');
    await click(page, 'Run');
    await says(page, '.error', "attempt to index a nil value (field 'nowhere')");
    await says(page, '.error .advice', 'make the table first');
    await says(page, '.cm-line:has(.cm-lintRange-error)', 'nowhere');
  });

  test('the_methods_of_a_table_are_completed', async () => {
    await script(page, 'db.cities:');
    await page.keyboard.type('qu');
    await says(page, '.cm-tooltip-autocomplete', 'query');
    await page.keyboard.press('Escape');
  });

  test('a_script_without_end_is_stopped_and_takes_nothing_with_it', async () => {
    await script(page, '_home.lost = {a = 1}\nwhile true do end');
    await click(page, 'Run');
    await says(page, '.outcome .state', 'Running');
    await click(page, 'Stop');
    await says(page, '.error', 'The script was stopped');
    await script(page, 'return _home.lost == nil and db.cities:count()');
    await click(page, 'Run');
    await says(page, '.outcome td', '4442');
  });

  test('a_query_has_rows_and_a_plan', async () => {
    await click(page, 'Query');
    await page.locator('select').fill('cities');
    await fill(page, 'Field of condition 1', 'country');
    await fill(page, 'Value of condition 1', 'JP');
    await fill(page, 'Sort by', '-population');
    await click(page, 'Run query');
    await says(page, '.answer .state', '100 rows');
    await says(page, '.answer td', 'Tokyo');
    await click(page, 'Plan');
    await says(page, '.tree .step', 'Index country');
    await says(page, '.alternatives .chosen', 'country');
    await click(page, 'Map');
    await says(page, '.map .hint', '100 places of the answer among 4,442');
  });

  test('an_edited_document_is_there_after_a_reload', async () => {
    await makePeople(page);
    await click(page, 'Data');
    await page.locator('.tables button ::-p-text(people)').click();
    await page.locator('tbody .link ::-p-text(ada)').click();
    await page.locator('dialog textarea').fill('{"name": "Ada Lovelace", "size": 1.0}');
    await click(page, 'Save');
    await says(page, 'td', 'Ada Lovelace');
    await page.reload();
    await page.locator('.tables button ::-p-text(people)').click();
    await says(page, 'td', 'Ada Lovelace');
  });

  test('an_export_is_an_archive_of_all', async () => {
    const downloads = join(directory, 'downloads');
    const session = await page.createCDPSession();
    await session.send('Browser.setDownloadBehavior', {
      behavior: 'allow',
      downloadPath: downloads,
      eventsEnabled: true,
    });
    const completed = new Promise<void>((resolve) => {
      session.on('Browser.downloadProgress', ({ state }) => state === 'completed' && resolve());
    });
    await click(page, 'Samples, import, export');
    await click(page, 'Export an archive');
    await completed;
    assert.deepEqual(await readdir(downloads), ['playground.cu']);
    const bytes = await readFile(join(downloads, 'playground.cu'));
    assert.equal(bytes.subarray(0, 6).toString(), 'CuArch');
    assert.ok(bytes.length > 100_000);
  });

  test('no_error_was_left_uncaught', () => {
    assert.deepEqual(broken, []);
  });
});

/** A document with a float, made in Lua. */
async function makePeople(page: Page): Promise<void> {
  await click(page, 'Lua');
  await page.waitForSelector('.cm-content');
  await script(page, '_home.people = {ada = {name = "Ada", size = 1.0}}\nreturn "made"');
  await click(page, 'Run');
  await says(page, '.outcome td', 'made');
}
