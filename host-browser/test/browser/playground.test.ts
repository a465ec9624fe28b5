/** The playground, built as it is shipped and used as people do, in Chromium. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { ElementHandle, Page } from 'puppeteer-core';
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

  test('what_a_script_prints_shows_while_it_runs', async () => {
    await script(page, 'print("begun", 1)\nwhile true do end');
    await click(page, 'Run');
    await says(page, '.output', 'begun\t1');
    await says(page, '.outcome .state', 'Running');
    await click(page, 'Stop');
    await says(page, '.error', 'The script was stopped');
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

  test('what_another_tab_writes_shows_at_once', async () => {
    const other = await browser.newPage();
    await other.goto(`${server.origin}/some/folder/index.html#lua`);
    await other.waitForSelector('.cm-content');
    await script(other, '_home.people.ada.name = "Ada of another tab"');
    // Coming to the front has the page read anew; only then the other tab writes.
    await page.bringToFront();
    await says(page, 'td', 'Ada Lovelace');
    await other.evaluate(() => document.querySelector<HTMLElement>('.lua button.primary')!.click());
    await says(page, 'td', 'Ada of another tab');
    await other.close();
  });

  test('the_forms_make_an_index_and_a_function', async () => {
    await click(page, 'Indexes');
    await fill(page, 'Fields, with commas between', 'name, -size');
    await click(page, 'Make index');
    await says(page, 'li h3', 'name,size');
    await click(page, 'Functions');
    await click(page, 'New function');
    await fill(page, 'Name', 'count');
    await click(page, 'Keep it');
    await fill(page, 'Arguments, as a JSON array', '[41]');
    await click(page, 'Call count');
    await says(page, 'pre.json', '41');
    await click(page, 'Call count');
    await says(page, 'pre.json', '82');
  });

  test('json_lines_are_imported', async () => {
    const file = join(directory, 'books.ndjson');
    await writeFile(file, '{"id": "dune", "year": 1965}\n{"id": "emma", "year": 1815}\n');
    await click(page, 'Samples, import, export');
    await click(page, 'Import JSON lines…');
    await choose(page, file);
    await fill(page, 'Table', 'books');
    await fill(page, 'Member that has the key; empty for lines of {key, value}', 'id');
    await click(page, 'Import');
    await says(page, '.news', '2 documents put into books');
    await page.locator('.tables button ::-p-text(books)').click();
    await click(page, 'Documents');
    await says(page, 'td', '1965');
  });

  test('an_imported_archive_takes_the_place_of_everything', async () => {
    await click(page, 'Samples, import, export');
    await click(page, 'Import an archive…');
    await choose(page, join(directory, 'downloads/playground.cu'));
    await click(page, 'Replace everything');
    await says(page, '.news', 'The archive is in');
    await says(page, '.tables', 'cities');
    assert.ok(!(await page.$eval('.tables', ({ textContent }) => textContent)).includes('books'));
  });

  test('the_colours_are_the_chosen_ones_also_after_a_reload', async () => {
    const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    await click(page, 'Colours: auto');
    const light = await background();
    await click(page, 'Colours: light');
    const dark = await background();
    assert.notEqual(light, dark);
    await page.reload();
    await page.waitForSelector('[aria-label="Colours: dark"]');
    assert.equal(await background(), dark);
  });

  test('no_error_was_left_uncaught', () => {
    assert.deepEqual(broken, []);
  });
});

/** Chooses a file in the dialog that is open. */
async function choose(page: Page, file: string): Promise<void> {
  const input = await page.waitForSelector('dialog input[type=file]');
  await (input as ElementHandle<HTMLInputElement>).uploadFile(file);
}

/** A document with a float, made in Lua. */
async function makePeople(page: Page): Promise<void> {
  await click(page, 'Lua');
  await page.waitForSelector('.cm-content');
  await script(page, '_home.people = {ada = {name = "Ada", size = 1.0}}\nreturn "made"');
  await click(page, 'Run');
  await says(page, '.outcome td', 'made');
}
