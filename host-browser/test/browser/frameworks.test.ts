/** Live queries in React, Vue and Svelte: the packed package, bundled by Vite, in real browsers. */
import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { compile } from 'svelte/compiler';
import { build, type Plugin } from 'vite';
import { executable } from '../harness/index.ts';
import { alone, names } from './browsers.ts';
import { packageRoot, project, report } from './projects.ts';

/** Components of Svelte, as its own plugin compiles them. */
const svelte: Plugin = {
  name: 'svelte',
  transform(code, id) {
    return id.endsWith('.svelte') ? compile(code, { filename: id, generate: 'client' }).js : undefined;
  },
};

for (const [framework, others] of [
  ['react', ['react', 'react-dom']],
  ['vue', ['vue']],
  ['svelte', ['svelte']],
] as const) {
  for (const browserName of names) {
    test(`a_component_shows_what_the_query_finds_until_it_is_gone (${framework}, ${browserName})`, {
      skip: executable(browserName) === undefined,
    }, async (t) => {
      const directory = await project(t, framework, others);
      await cp(join(packageRoot, 'test/fixture/walk.js'), join(directory, 'walk.js'));
      await build({ root: directory, configFile: false, logLevel: 'error', plugins: [svelte] });
      const { browser, server } = await alone(t, browserName, { directory: join(directory, 'dist') });
      const page = await browser.newPage();
      await page.goto(`${server.origin}/index.html`);
      assert.deepEqual(await report(page), ['', 'Ada', 'Ada,Cleo', 'Cleo', '', 'Bob,Cleo', '']);
    });
  }
}
