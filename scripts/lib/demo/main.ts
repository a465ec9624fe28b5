/** Does the main job on both runtimes and compares what came of it. */
import { relative } from 'node:path';
import { runBrowser } from './browser.ts';
import { writeCities } from './cities.ts';
import { runNative } from './native.ts';
import { compare } from './report.ts';

const root = process.cwd();
const folder = `${root}/target/demo`;
const data = `${folder}/cities.ndjson`;

console.log('==> writes the places of GeoNames (geonames.org, CC BY 4.0) as NDJSON');
console.log(`${await writeCities(data)} places`);
console.log('==> natively: wasmtime and a store on disk');
const native = runNative(root, `${folder}/cities.db`, data);
console.log('==> in headless Chromium: the browser package on IndexedDB');
const browser = await runBrowser(root, `/${relative(root, data)}`);
const identical = compare(native, browser);
console.log(
  identical
    ? '\nAll results are byte-identical on both runtimes. Data: GeoNames (geonames.org), CC BY 4.0.'
    : '\nResults differ: one of the runtimes is wrong.',
);
console.log(`The database stays: try target/release/cu --db ${relative(root, folder)}/cities.db repl`);
process.exitCode = identical ? 0 : 1;
