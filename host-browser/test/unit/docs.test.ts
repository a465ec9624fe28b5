/**
 * The examples of the documents do what these say. A section's blocks run one after the other on an empty
 * database; what `console.log` is given must be what the comment on its line, or on the lines behind it, says.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';
import { SUGGESTIONS } from '../../src/enhanced/errors.ts';
import * as cu from '../../src/index.ts';
import { comments, logs, sections } from '../docs/examples.ts';

const documents = [
  '../../README.md',
  '../../../docs/javascript.md',
  '../../../docs/query.md',
  '../../../docs/quick-start.md',
  '../../../docs/transactions.md',
  '../../../docs/troubleshooting.md',
];

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as new (
  ...parts: string[]
) => (...args: unknown[]) => Promise<void>;

for (const path of documents) {
  const text = await readFile(new URL(path, import.meta.url), 'utf8').catch(() => '');
  for (const { title, code } of sections(text)) {
    test(`${path.replace(/^.*\//, '')}: ${title}`, () => doesWhatItSays(code, code));
  }
}

/** Runs an example, whose comments may have more than what is left of it to run. */
async function doesWhatItSays(code: string, runnable: string): Promise<void> {
  const logged: unknown[] = [];
  const inMemory = (name: string, options?: cu.OpenOptions) =>
    cu.open(name, { ...options, storage: 'memory' });
  const exports: Record<string, unknown> = { ...cu, open: inMemory };
  const body = runnable.replace(/^import .*$/gm, '');
  const run = new AsyncFunction('console', ...Object.keys(exports), body);
  await run({ log: (value: unknown) => logged.push(value) }, ...Object.values(exports));
  const expected = comments(code);
  assert.deepEqual(logged, expected);
  assert.equal(expected.length, logs(code), 'each has its comment');
}

/** The documents whose TypeScript is whole programs. */
const typed = ['../../../docs/javascript.md', '../../../docs/quick-start.md'];

for (const path of typed) {
  for (const { title, code } of sections(await readFile(new URL(path, import.meta.url), 'utf8'), 'ts')) {
    test(`${path.replace(/^.*\//, '')}, in TypeScript: ${title}`, async (t) => {
      await compiles(t, code);
      await doesWhatItSays(code, transformSync(code, { loader: 'ts' }).code);
    });
  }
}

/** Compiles a program against the package's sources, as strictly as they are. */
async function compiles(t: TestContext, code: string): Promise<void> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const directory = await mkdtemp(join(tmpdir(), 'cu-example-'));
  t.after(() => rm(directory, { recursive: true }));
  const write = (name: string, content: string) => writeFile(join(directory, name), content);
  await write('example.ts', `${code}\nexport {};\n`);
  await write('package.json', '{ "type": "module" }');
  const compilerOptions = {
    paths: { 'cu-db': [join(root, 'src/index.ts')] },
    typeRoots: [join(root, 'node_modules/@types')],
    noUnusedLocals: false,
  };
  const config = { extends: join(root, 'tsconfig.json'), compilerOptions, include: ['example.ts'] };
  await write('tsconfig.json', JSON.stringify(config));
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', directory], { stdio: 'inherit' });
}

test('the_documents_have_examples', async () => {
  const texts = await Promise.all(
    documents.map((path) => readFile(new URL(path, import.meta.url), 'utf8').catch(() => '')),
  );
  assert.ok(texts.flatMap((text) => sections(text)).length >= 4);
});

test('the_tests_and_codes_that_compatibility_names_are_those_that_there_are', async () => {
  const read = (path: string) => readFile(new URL(path, import.meta.url), 'utf8');
  const text = await read('../../../docs/compatibility.md');
  const files = ['enhanced.test.ts', 'cu-api.test.ts'].flatMap((name) => [`./${name}`, `../browser/${name}`]);
  const tests = (await Promise.all(files.map(read))).join('\n');
  const named = [...text.matchAll(/`([a-z]+(?:_[a-z0-9]+){4,})`/g)].map(([, name]) => name!);
  assert.ok(named.length > 40);
  for (const name of named) assert.match(tests, new RegExp(`test\\([\`']${name}\\b`), name);
  const [, codes] = /^The codes: (.*?)\. Each error/ms.exec(text)!;
  assert.deepEqual(
    [...codes!.matchAll(/`([A-Z_]+)`/g)].map(([, code]) => code),
    Object.keys(SUGGESTIONS),
  );
});

test('troubleshooting_has_every_code_of_the_package_and_of_the_command_and_no_other', async () => {
  const read = (path: string) => readFile(new URL(path, import.meta.url), 'utf8');
  const text = await read('../../../docs/troubleshooting.md');
  const rows = text.split('\n').filter((line) => line.startsWith('| `'));
  const told = rows.flatMap((row) =>
    [...row.split('|')[1]!.matchAll(/`([a-z-]+)`/g)].map(([, code]) => code!),
  );
  const [, ofPackage] = /^export type ErrorCode =(.*?);$/ms.exec(await read('../../src/errors.ts'))!;
  const native = await Promise.all(
    ['../../../host-native/src/error.rs', '../../../host-native/src/bin/cu/failure.rs'].map(read),
  );
  // In Rust, each is what a case of a match is; names of limits are not codes.
  const ofCommand = native.join('\n').replace(/^fn limit_name.*?^}$/ms, '');
  const known = [
    ...[...ofPackage!.matchAll(/\| '([a-z-]+)'/g)].map(([, code]) => code!),
    ...[...ofCommand.matchAll(/=>\s*\{?\s*"([a-z-]+)"/g)].map(([, code]) => code!),
  ];
  assert.ok(known.length > 50);
  assert.deepEqual([...told].sort(), [...new Set(known)].sort());
});
