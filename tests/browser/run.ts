/**
 * Runs the conformance cases on the browser package: `node run.ts [chromium|firefox|webkit|node]...`, by
 * default on all four. `CASES=word` takes only the cases with that word in their name. Ends with 1
 * if a case failed.
 */
import { readdir, readFile } from 'node:fs/promises';
import {
  type BrowserName,
  launch,
  repositoryRoot,
  runModule,
  serve,
} from '../../host-browser/test/harness/index.ts';
import type { Outcome, Topic } from './driver.ts';
import type { PageInput } from './page.ts';
import { only, suite } from './suite.ts';

const RUNTIMES = ['node', 'chromium', 'firefox', 'webkit'] as const;
type RuntimeName = (typeof RUNTIMES)[number];

const directory = new URL('../cases/', import.meta.url);
const files = (await readdir(directory)).filter((file) => file.endsWith('.json'));
const names = files.map((file) => file.slice(0, -'.json'.length)).sort();
const word = process.env.CASES ?? '';

async function runInNode(): Promise<Outcome> {
  const topics = names.map(async (name) => {
    const content = await readFile(new URL(`${name}.json`, directory), 'utf8');
    return only({ ...(JSON.parse(content) as Topic), name }, word);
  });
  return suite('node.js', 'node', await Promise.all(topics));
}

async function runInBrowser(name: BrowserName): Promise<Outcome> {
  const server = await serve(repositoryRoot);
  const browser = await launch(name);
  try {
    const outcomes: Outcome[] = [];
    // One page for each topic: what a page leaves in memory goes with it.
    for (const topic of names) {
      const input: PageInput = { runtime: name, topic, word };
      outcomes.push((await runModule(browser, server, '/tests/browser/page.ts', input)) as Outcome);
    }
    return {
      passed: outcomes.reduce((sum, { passed }) => sum + passed, 0),
      excepted: outcomes.flatMap(({ excepted }) => excepted),
      failures: outcomes.flatMap(({ failures }) => failures),
    };
  } finally {
    await browser.close();
    await server.close();
  }
}

const named = process.argv.slice(2);
const unknown = named.find((name) => !RUNTIMES.includes(name as RuntimeName));
if (unknown !== undefined) {
  console.error(`'${unknown}' is no runtime; there are ${RUNTIMES.join(', ')}.`);
  process.exit(2);
}
const lines: string[] = [];
for (const runtime of named.length > 0 ? (named as RuntimeName[]) : RUNTIMES) {
  const { passed, excepted, failures } = await (runtime === 'node' ? runInNode() : runInBrowser(runtime));
  for (const line of [...excepted, ...failures]) console.log(line);
  console.log(`conformance (${runtime}): ${passed} passed, ${failures.length} failed`);
  lines.push(`${runtime}: ${passed} passed, ${failures.length} failed`);
  if (failures.length > 0) process.exitCode = 1;
}
for (const line of lines) console.log(line);
