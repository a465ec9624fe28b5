/** Writes what a plan says into a database. */
import { decode } from '../cbor/decode.ts';
import { encode } from '../cbor/encode.ts';
import type { Value } from '../cbor/values.ts';
import type { CuError } from '../errors.ts';
import { componentOptions } from '../options.ts';
import type { MigrationProblem } from './errors.ts';
import { type Plan, type PlannedDocument, type PlannedFunction, pathText } from './plan.ts';

/** The exports that are needed, as `Database.raw` and `Transaction.raw` have them. */
export interface Target {
  readonly documents: { apply(operations: Uint8Array): Promise<Uint8Array> };
  readonly functions: {
    persistBytecode(table: string, name: string, bytecode: Uint8Array, options: Options): Promise<void>;
  };
  readonly lua: { eval(source: string, args: Uint8Array, options: Options): Promise<Uint8Array> };
  readonly tables: { drop(table: string): Promise<boolean> };
}

type Options = ReturnType<typeof componentOptions>;

/** How far it is. */
export interface MigrationProgress {
  /** How many documents and functions have been written, of how many. */
  readonly done: number;
  readonly total: number;
}

export interface MigrationReport {
  readonly tables: number;
  readonly documents: number;
  readonly functions: number;
  /** What could not be taken over. */
  readonly problems: readonly MigrationProblem[];
}

/** How many documents one call writes. */
const CHUNK = 500;

const MAKE_TABLE = 'local name = ...  if _home[name] == nil then _home[name] = {} end';

/** Puts a function where it was: the arguments are where it is now, or its name in the library, and the path. */
const PUT_FUNCTION = `
local from, name, path = ...
local source = from and _home[from][name]
if not from then
  source = _G
  for part in name:gmatch("[^.]+") do source = source[part] end
  if source == nil then error("this Lua has no " .. name, 0) end
end
local place = _home
for i = 1, #path - 1 do place = place[path[i]] end
place[path[#path]] = source
`;

export async function fill(
  plan: Plan,
  target: Target,
  onProgress: (progress: MigrationProgress) => void = () => {},
): Promise<MigrationReport> {
  const problems = [...plan.problems];
  const total = plan.documents.length + plan.functions.length;
  const none = componentOptions({});
  let done = 0;
  const tell = (more: number) => {
    done += more;
    onProgress({ done, total });
  };
  const run = (source: string, args: Value[]) => target.lua.eval(source, encode(args, 'arguments'), none);

  for (const table of plan.tables) await run(MAKE_TABLE, [table]);
  for (let from = 0; from < plan.documents.length; from += CHUNK) {
    const documents = plan.documents.slice(from, from + CHUNK);
    problems.push(...(await put(documents, target)));
    tell(documents.length);
  }
  const lost = problems.length - plan.problems.length;
  let functions = 0;
  const workshop = freeName(plan.tables);
  for (const planned of plan.functions) {
    const problem = await attempt(planned, async () => {
      const isChunk = typeof planned.from !== 'string';
      if (isChunk)
        await target.functions.persistBytecode(workshop, 'function', planned.from as Uint8Array, none);
      const at: Value[] = isChunk ? [workshop, 'function'] : [false, planned.from as string];
      await run(PUT_FUNCTION, [...at, planned.path]);
    });
    if (problem === undefined) functions++;
    else problems.push(problem);
    tell(1);
  }
  await target.tables.drop(workshop);
  return { tables: plan.tables.length, documents: plan.documents.length - lost, functions, problems };
}

async function put(documents: readonly PlannedDocument[], target: Target): Promise<MigrationProblem[]> {
  const operations = documents.map((document) => ({ op: 'put', ...document }));
  const batch = encode({ operations, mode: 'best-effort' } as unknown as Value, 'operations');
  const outcomes = decode(await target.documents.apply(batch)) as { error?: { message: string } }[];
  return outcomes.flatMap(({ error }, index) => {
    if (error === undefined) return [];
    const { table, key } = documents[index]!;
    return [{ path: pathText(table === '_home' ? [key] : [table, key]), reason: error.message }];
  });
}

async function attempt(
  planned: PlannedFunction,
  work: () => Promise<void>,
): Promise<MigrationProblem | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    // By its name: the database may be of another copy of the package.
    const { name, code, message } = error as CuError;
    if (name !== 'CuError' || code.startsWith('store-')) throw error;
    return { path: pathText(planned.path), reason: message };
  }
}

/** The name of a table that functions are put together in, and that is dropped in the end. */
function freeName(tables: readonly string[]): string {
  for (let number = 1; ; number++) if (!tables.includes(`migrating ${number}`)) return `migrating ${number}`;
}
