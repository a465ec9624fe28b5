/**
 * The cases on the browser package, in a page or in Node. Each has a database of its own: in pages on
 * IndexedDB, in Node in memory.
 */
import type * as Package from '../../host-browser/src/index.ts';
import { type Outcome, type Runtime, runAll, type Topic } from './driver.ts';
import { functions } from './functions.ts';

/** The package's script for this platform, from its build. */
type Script = 'index.js' | 'node.js';

/** The topic with only those cases that have the word in their name. */
export function only(topic: Topic, word: string): Topic {
  return { ...topic, cases: topic.cases.filter((one) => `${topic.name}: ${one.name}`.includes(word)) };
}

/** Loads the package and runs the cases. */
export async function suite(script: Script, runtimeName: string, topics: readonly Topic[]): Promise<Outcome> {
  const url = new URL(`../../host-browser/dist/${script}`, import.meta.url).href;
  const { open }: typeof Package = await import(url);
  const storage = script === 'node.js' ? 'memory' : 'indexeddb';

  // Node has the engine in its thread; in pages it is in a worker that has the functions, too.
  const engine: Package.OpenOptions =
    script === 'node.js'
      ? { functions }
      : { worker: () => new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }) };

  return runAll(runtimeName, topics, async (name) => {
    let words = '';
    const openIt = () =>
      open(name, {
        ...engine,
        storage,
        onPrint: (text) => {
          words += text;
        },
      });
    const runtime: { -readonly [Member in keyof Runtime]: Runtime[Member] } = {
      database: await openIt(),
      printed() {
        const printed = words;
        words = '';
        return printed;
      },
      async reopen() {
        if (storage === 'memory') {
          await breakInstance(runtime.database);
        } else {
          await runtime.database.close();
          runtime.database = await openIt();
        }
      },
      // What it leaves in IndexedDB goes with the browser's profile.
      close: () => runtime.database.close(),
    };
    return runtime;
  });
}

/**
 * A database in memory ends with its object, so its instance is broken instead, by an argument that
 * the bindings can't pass: the package throws the instance away and makes a new one for the next call.
 */
async function breakInstance(database: Package.Database): Promise<void> {
  const noKey = { tag: 'none' } as never;
  const thrown: unknown = await database.raw.documents.get('t', noKey).then(
    () => undefined,
    (error: unknown) => error,
  );
  if ((thrown as Package.CuError | undefined)?.code !== 'trapped') {
    throw new Error(`the instance could not be broken: ${thrown}`);
  }
}
