/** Runs cases on a database and says what went otherwise. */
import type { Database } from '../../host-browser/src/index.ts';
import { type Arguments, call, type Failure, failureOf } from './exports.ts';
import {
  compareBytes,
  encode,
  encodeMap,
  encodeText,
  type Json,
  mapEntries,
  open,
  show,
  toHex,
} from './notation.ts';

export interface Topic {
  readonly name: string;
  readonly about: string;
  readonly cases: readonly Case[];
}

export interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
  /** The runtimes that can't keep the promise, each with the reason. */
  readonly except?: { readonly [runtime: string]: string };
  readonly state: string;
}

export interface Step {
  readonly call?: string;
  readonly args?: Arguments;
  readonly result?: Json;
  readonly only?: readonly string[];
  readonly error?: ExpectedError;
  readonly printed?: Json;
  readonly reopen?: boolean;
}

export interface ExpectedError {
  readonly code: string;
  readonly place?: string;
  readonly limit?: string;
  readonly maximum?: number;
  readonly table?: string;
  readonly message?: string;
  readonly says?: string;
  readonly traceback?: string;
}

/** A database that can get a new instance over the same store. */
export interface Runtime {
  readonly database: Database;
  /** What was printed since this was last asked. */
  printed(): string;
  /** Throws the instance away and makes a new one over the same store. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

export interface Outcome {
  readonly passed: number;
  /** The cases that the runtime is excepted from, each with the reason. */
  readonly excepted: readonly string[];
  /** What went otherwise, in readable lines, one text for each case that failed. */
  readonly failures: readonly string[];
}

/** The calls that never change what the database holds. */
const READING = new Set([
  'tables.list',
  'documents.get',
  'documents.get-many',
  'documents.scan',
  'indexes.list',
  'indexes.statistics',
  'queries.run',
  'queries.count',
  'queries.explain',
  'functions.list',
  'functions.source',
  'changes.read',
  'admin.stats',
  'admin.limits',
  'admin.digest',
  'archive.export-page',
]);

/** What went otherwise than the case says. */
class Difference extends Error {}

/** Runs all cases, each on an empty database of its own, which `make` gives for a name. */
export async function runAll(
  runtimeName: string,
  topics: readonly Topic[],
  make: (name: string) => Promise<Runtime>,
): Promise<Outcome> {
  const failures: string[] = [];
  const excepted: string[] = [];
  let passed = 0;
  for (const topic of topics) {
    for (const [number, one] of topic.cases.entries()) {
      const reason = one.except?.[runtimeName];
      if (reason !== undefined) {
        excepted.push(`not on ${runtimeName}: ${topic.name}: ${one.name}: ${reason}`);
        continue;
      }
      const runtime = await make(`${topic.name} ${number}`);
      try {
        await runCase(one, runtime);
        passed++;
      } catch (thrown) {
        const reason =
          thrown instanceof Difference ? thrown.message : `  ${(thrown as Error).stack ?? thrown}`;
        failures.push(`FAILED ${topic.name}: ${one.name}\n${reason}`);
      } finally {
        await runtime.close();
      }
    }
  }
  return { passed, excepted, failures };
}

async function runCase(one: Case, runtime: Runtime): Promise<void> {
  let before = await digest(runtime);
  for (const [number, step] of one.steps.entries()) {
    const what = step.call ?? 'reopen';
    const failed = (difference: string) => new Difference(`  step ${number}, ${what}: ${difference}`);
    try {
      await runStep(step, runtime);
    } catch (thrown) {
      throw thrown instanceof Difference ? failed(thrown.message) : thrown;
    }
    const after = await digest(runtime);
    const changes = step.error === undefined && step.call !== undefined && !READING.has(what);
    if (before !== after && !changes) throw failed('it changed the state of the database, which it must not');
    before = after;
  }
  if (before !== one.state) throw new Difference(`  state after the last step${differ(one.state, before)}`);
}

async function digest({ database }: Runtime): Promise<string> {
  return toHex(open(await call(database, 'admin.digest', {}))!.body);
}

async function runStep(step: Step, runtime: Runtime): Promise<void> {
  if (step.call === undefined) {
    await runtime.reopen();
    return;
  }
  let result: Uint8Array | undefined;
  let failure: Failure | undefined;
  try {
    result = await call(runtime.database, step.call, step.args ?? {});
  } catch (thrown) {
    failure = failureOf(thrown);
    if (failure === undefined) throw thrown;
  }
  const printed = runtime.printed();
  const expected = step.error === undefined ? encode(step.result ?? null) : undefined;
  if (failure !== undefined) {
    if (step.error === undefined) throw new Difference(differ(show(expected!), JSON.stringify(failure)));
    compareFailure(step.error, failure);
  } else if (expected === undefined) {
    throw new Difference(differ(`error ${step.error!.code}`, show(result!)));
  } else {
    const compared = step.only === undefined ? result! : only(result!, step.only);
    if (compareBytes(expected, compared) !== 0) throw new Difference(differ(show(expected), show(compared)));
  }
  // The package hands on text: what is not UTF-8 arrives as replacement characters.
  const words = step.printed === undefined ? '' : new TextDecoder().decode(open(encode(step.printed))!.body);
  if (printed !== words)
    throw new Difference(`printed${differ(JSON.stringify(words), JSON.stringify(printed))}`);
}

/** The map with the named members alone. */
function only(result: Uint8Array, names: readonly string[]): Uint8Array {
  const keys = names.map(encodeText);
  const entries = mapEntries(result);
  if (entries === undefined) throw new Difference(`${show(result)} is no map`);
  return encodeMap(entries.filter(([key]) => keys.some((wanted) => compareBytes(wanted, key) === 0)));
}

function compareFailure(expected: ExpectedError, actual: Failure): void {
  const whole = ['code', 'place', 'limit', 'maximum', 'table', 'message'] as const;
  const same =
    whole.every((member) => expected[member] === undefined || expected[member] === actual[member]) &&
    actual.message.includes(expected.says ?? '') &&
    (actual.traceback ?? '').includes(expected.traceback ?? '');
  if (!same) throw new Difference(differ(JSON.stringify(expected), JSON.stringify(actual)));
  if (actual.message.trim() === '')
    throw new Difference(differ('an error with a message', JSON.stringify(actual)));
}

function differ(expected: string, actual: string): string {
  return `\n    expected ${expected}\n    actual   ${actual}`;
}
