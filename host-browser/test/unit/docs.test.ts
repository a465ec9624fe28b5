/**
 * The examples of the documents do what these say. A section's blocks run one after the other on an empty
 * database; what `console.log` is given must be what the comment on its line, or on the lines behind it, says.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import * as cu from '../../src/index.ts';

const documents = [
  '../../README.md',
  '../../../docs/javascript.md',
  '../../../docs/query.md',
  '../../../docs/transactions.md',
];

/** The JavaScript of each section that has any, with the section's title. */
function sections(text: string): { title: string; code: string }[] {
  return text.split(/^(?=##? )/m).flatMap((section) => {
    const blocks = [...section.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code!);
    return blocks.length === 0 ? [] : [{ title: /^#+ (.*)/.exec(section)![1]!, code: blocks.join('\n') }];
  });
}

/** What the comments behind the calls of `console.log` say, in the order of the calls. */
function comments(code: string): string[] {
  const found: string[] = [];
  const lines = code.split('\n');
  let waits = false;
  for (const line of lines) {
    const comment = /^(.*?)(?:^|;\s+)\/\/ (.*)$/.exec(line);
    if (line.includes('console.log(')) waits = true;
    if (comment === null || !waits) continue;
    found.push(comment[2]!);
    waits = false;
  }
  return found;
}

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as new (
  ...parts: string[]
) => (...args: unknown[]) => Promise<void>;

for (const path of documents) {
  const text = await readFile(new URL(path, import.meta.url), 'utf8').catch(() => '');
  for (const { title, code } of sections(text)) {
    test(`${path.replace(/^.*\//, '')}: ${title}`, async () => {
      const logged: unknown[] = [];
      const inMemory = (name: string, options?: cu.OpenOptions) =>
        cu.open(name, { ...options, storage: 'memory' });
      const exports: Record<string, unknown> = { ...cu, open: inMemory };
      const body = code.replace(/^import .*$/gm, '');
      const run = new AsyncFunction('console', ...Object.keys(exports), body);
      await run({ log: (value: unknown) => logged.push(value) }, ...Object.values(exports));
      const expected = comments(code).map((comment) => new Function(`return (${comment})`)() as unknown);
      assert.deepEqual(logged, expected);
      assert.equal(expected.length, code.split('console.log(').length - 1, 'each has its comment');
    });
  }
}

test('the_documents_have_examples', async () => {
  const texts = await Promise.all(
    documents.map((path) => readFile(new URL(path, import.meta.url), 'utf8').catch(() => '')),
  );
  assert.ok(texts.flatMap(sections).length >= 4);
});
