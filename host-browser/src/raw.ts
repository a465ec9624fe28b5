/** The exports of the component with values as CBOR bytes, each as a promise. */
import type { Exports } from './connection/connection.ts';
import type { Engine } from './engine/engine.ts';
import type { Durability } from './store/journal.ts';
import type { Mode } from './store/transactor.ts';

type Promised<Interface> = {
  [Name in keyof Interface]: Interface[Name] extends (...args: infer Arguments) => infer Result
    ? (...args: Arguments) => Promise<Result>
    : never;
};

/** The exports by interface and name, as `wit/database.wit` describes them, names in camel case. */
export type Raw = { readonly [Interface in keyof Engine]: Promised<Engine[Interface]> };

/** How each export runs. Lua code that keeps globals must not run twice, so it is a write. */
const MODES: { readonly [Interface in keyof Engine]: { readonly [Name in keyof Engine[Interface]]: Mode } } =
  {
    tables: { list: 'read', drop: 'write' },
    documents: { get: 'read', put: 'write', delete: 'write', getMany: 'read', scan: 'read', apply: 'write' },
    indexes: { create: 'write', buildStep: 'write', drop: 'write', list: 'read', statistics: 'read' },
    queries: { run: 'read', page: 'read', count: 'read', explain: 'read' },
    lua: { eval: 'maybe' },
    functions: {
      persist: 'write',
      persistBytecode: 'write',
      call: 'maybe',
      list: 'read',
      statistics: 'read',
      source: 'read',
      delete: 'write',
      rename: 'write',
    },
    changes: { configure: 'write', read: 'read' },
    admin: { stats: 'read', limits: 'read', setLimits: 'write', digest: 'read' },
    archive: { exportPage: 'read', importPage: 'write', finishImport: 'write', abortImport: 'write' },
  };

type Export = (...args: unknown[]) => unknown;

/** The raw exports; with a mode, a durability or a signal, all of them run with it. */
export function rawExports(
  exports: Exports,
  mode?: Mode,
  durability?: Durability,
  signal?: AbortSignal,
): Raw {
  const raw: Record<string, Record<string, Export>> = {};
  for (const [face, modes] of Object.entries(MODES)) {
    raw[face] = Object.fromEntries(
      Object.entries(modes).map(([name, own]) => [
        name,
        (...args) => {
          const natural = own === 'maybe' && keepsGlobals(args) ? 'write' : own;
          return exports.run(face, name, mode ?? natural, durability, signal, ...args);
        },
      ]),
    );
  }
  return raw as unknown as Raw;
}

function keepsGlobals(args: unknown[]): boolean {
  return (args.at(-1) as { keepGlobals?: boolean } | undefined)?.keepGlobals === true;
}
