/** The packed package in the projects of others: under bundlers and without one, with nothing configured for it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { build as esbuild } from 'esbuild';
import { build, createServer } from 'vite';
import webpack from 'webpack';
import { executable, launch } from '../harness/index.ts';
import { alone } from './browsers.ts';
import { project, report } from './projects.ts';

const skip = executable('chromium') === undefined;

/** What the pages of the fixture find. */
const FOUND = [[['Andorra la Vella', { country: 'AD', population: 20430 }]], 'unknown-table', [2], [2]];

test('a_bundle_made_by_vite_runs_under_the_policy', { skip }, async (t) => {
  const directory = await project(t, 'bundled');
  await build({ root: directory, configFile: false, logLevel: 'error' });
  const assets = await readdir(join(directory, 'dist/assets'));
  assert.equal(assets.filter((name) => name.endsWith('.wasm')).length, 1, `${assets}`);
  const { browser, server } = await alone(t, 'chromium', { directory: join(directory, 'dist') });
  const page = await browser.newPage();
  await page.goto(`${server.origin}/index.html`);
  assert.deepEqual(await report(page), FOUND);
});

test('the_development_server_of_vite_serves_the_package', { skip }, async (t) => {
  const directory = await project(t, 'bundled');
  const server = await createServer({
    root: directory,
    configFile: false,
    logLevel: 'error',
    server: { port: 0, host: '127.0.0.1' },
  });
  t.after(() => server.close());
  await server.listen();
  const browser = await launch('chromium');
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.goto(`${server.resolvedUrls!.local[0]}index.html`);
  assert.deepEqual(await report(page), FOUND);
});

test('a_bundle_made_by_webpack_runs_under_the_policy', { skip }, async (t) => {
  const directory = await project(t, 'bundled');
  // What takes the types out is no concern of the package.
  for (const name of ['main', 'worker']) {
    await esbuild({ entryPoints: [join(directory, `${name}.ts`)], outfile: join(directory, `${name}.js`) });
  }
  const main = await readFile(join(directory, 'main.js'), 'utf8');
  await writeFile(join(directory, 'main.js'), main.replace('./worker.ts', './worker.js'));
  const stats = await new Promise<webpack.Stats>((resolve, reject) => {
    // Where things are; all else is as webpack has it.
    const places = { context: directory, entry: './main.js', output: { path: join(directory, 'dist') } };
    webpack({ mode: 'production', ...places }, (error, stats) =>
      error === null ? resolve(stats!) : reject(error),
    );
  });
  assert.deepEqual(stats.toJson({ errors: true, warnings: true }).errors, []);
  await writeFile(join(directory, 'dist/index.html'), '<!doctype html><script src="main.js"></script>');
  const { browser, server } = await alone(t, 'chromium', { directory: join(directory, 'dist') });
  const page = await browser.newPage();
  await page.goto(`${server.origin}/index.html`);
  assert.deepEqual(await report(page), FOUND);
});

test('without_a_bundler_the_script_is_imported_by_its_path', { skip }, async (t) => {
  const directory = await project(t, 'plain');
  const { browser, server } = await alone(t, 'chromium', { directory });
  const page = await browser.newPage();
  await page.goto(`${server.origin}/index.html`);
  assert.deepEqual(await report(page), [['Ada'], 3]);
});

test('node_imports_the_package_by_its_name_and_keeps_a_file', async (t) => {
  const directory = await project(t, 'plain');
  const script = `
    import { open } from 'cu-db';
    const db = await open('kept');
    await db.put('t', 1, ((await db.get('t', 1)) ?? 0) + 1);
    console.log(await db.get('t', 1));
    await db.close();`;
  const run = () =>
    execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: directory,
      encoding: 'utf8',
    });
  assert.deepEqual([run(), run()], ['1\n', '2\n']);
});

test('what_is_not_used_is_not_bundled', async (t) => {
  const directory = await project(t, 'plain');
  const size = async (source: string) => {
    const { outputFiles } = await esbuild({
      stdin: { contents: source, resolveDir: directory },
      bundle: true,
      minify: true,
      format: 'esm',
      write: false,
      logLevel: 'error',
    });
    return outputFiles[0]!.text.length;
  };
  assert.equal(await size("import 'cu-db';"), 0);
  assert.ok((await size("import { CuFloat } from 'cu-db'; globalThis.kept = CuFloat;")) < 3000);
});
