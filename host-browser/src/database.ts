/** A database: the typed API over the raw exports. */
import { type ArchiveOptions, readArchive, writeArchive } from './archive.ts';
import { type Decoded, decode } from './cbor/decode.ts';
import { encode } from './cbor/encode.ts';
import type { Value } from './cbor/values.ts';
import type { Code, Engine } from './engine/engine.ts';
import { loadCode, makeEngine } from './engine/engine.ts';
import { CuError } from './errors.ts';
import { buildIndex, dropIndex, type IndexOptions, type IndexStatistics } from './indexes.ts';
import {
  type CallOptions,
  checkName,
  checkOptions,
  checkText,
  componentLimits,
  componentOptions,
  type Limits,
  type LimitsInForce,
  limitsInForce,
  type OpenOptions,
  whole,
} from './options.ts';
import { printer } from './print.ts';
import { type Raw, rawExports } from './raw.ts';
import * as idb from './store/idb.ts';
import { Session } from './store/imports.ts';
import { IndexedDbJournal } from './store/indexeddb.ts';
import type { Journal, StorageInfo } from './store/journal.ts';
import { MemoryJournal } from './store/memory.ts';
import { Transactor } from './store/transactor.ts';
import type {
  FieldPath,
  FunctionInfo,
  FunctionStatistics,
  IndexDefinition,
  IndexInfo,
  Key,
  Operation,
  Plan,
  Query,
  ScanOptions,
  Stats,
  TableInfo,
} from './types.ts';

/** How many documents one step of `scan` fetches. */
const SCAN_PAGE = 1000;

/**
 * Opens a database and makes it if there is none.
 *
 * ```ts
 * const db = await open('places');
 * await db.put('cities', 2643743, { name: 'London', population: 8961989 });
 * const [greeting] = await db.eval('return "Hello " .. _home.cities[2643743].name');
 * ```
 *
 * Rejects with `invalid-argument`, `store-unavailable` (no IndexedDB for this page),
 * `unsupported-format` (something else's database, or a newer one), `store-corrupt` or
 * `unsupported-engine`.
 */
export async function open(name: string, options: OpenOptions = {}): Promise<Database> {
  checkName(name);
  checkOptions(options);
  const code = loadCode(options.module);
  // The store is read while the code is on its way.
  const [journal, modules] = await Promise.all([openJournal(name, options), code]);
  try {
    const state = await journal.load();
    return new Database(name, journal, state, modules, options);
  } catch (error) {
    await journal.close();
    throw error;
  }
}

async function openJournal(name: string, options: OpenOptions): Promise<Journal> {
  if (options.storage === 'memory') return new MemoryJournal();
  return IndexedDbJournal.open(name, options.durability ?? 'relaxed');
}

/**
 * An open database. Every method is one transaction that takes place completely or not at all;
 * its promise resolves when what it wrote is durable, and rejects with a `CuError`. Calls run in
 * the order in which they were made.
 */
export class Database {
  readonly name: string;
  /** The component's exports with values as CBOR bytes. */
  readonly raw: Raw;
  readonly #reading: Raw;
  readonly #transactor: Transactor<Engine>;
  readonly #code: Code;

  /** @internal */
  constructor(
    name: string,
    journal: Journal,
    state: Awaited<ReturnType<Journal['load']>>,
    code: Code,
    options: OpenOptions,
  ) {
    this.name = name;
    this.#code = code;
    this.#transactor = new Transactor(
      journal,
      state,
      (session) => makeEngine(code, session, options.functions ?? {}),
      printer(options.onPrint),
    );
    this.raw = rawExports(this.#transactor, undefined, options.functions !== undefined);
    this.#reading = rawExports(this.#transactor, 'read');
  }

  /** The document, or undefined. */
  async get(table: string, key: Key): Promise<Decoded> {
    const document = await this.raw.documents.get(checkText(table, 'table'), componentKey(key));
    return document === undefined ? undefined : decode(document);
  }

  /** Stores a document in place of what was there. */
  async put(table: string, key: Key, value: Value): Promise<void> {
    await this.raw.documents.put(checkText(table, 'table'), componentKey(key), encode(value));
  }

  /** Deletes a document; false if there was none. */
  async delete(table: string, key: Key): Promise<boolean> {
    return this.raw.documents.delete(checkText(table, 'table'), componentKey(key));
  }

  /** The documents in the order of the keys, undefined where there is none. */
  async getMany(table: string, keys: readonly Key[]): Promise<Decoded[]> {
    const documents = list(await this.raw.documents.getMany(checkText(table, 'table'), encode(keys, 'keys')));
    return documents.map((document) => (document === null ? undefined : document));
  }

  /**
   * The keys and documents in order. They come in pages, each a transaction of its own, so a long
   * walk may see what is written meanwhile.
   */
  async *scan(table: string, options: ScanOptions = {}): AsyncGenerator<[Key, Decoded], void, void> {
    let start = options.start === undefined ? undefined : componentKey(options.start, 'start');
    let end = options.end === undefined ? undefined : componentKey(options.end, 'end');
    const backward = options.backward ?? false;
    let left = options.limit === undefined ? Infinity : Number(whole(options.limit, 'limit'));
    while (left > 0) {
      const page = await this.raw.documents.scan(checkText(table, 'table'), {
        ...(start !== undefined && { start }),
        ...(end !== undefined && { end }),
        backward,
        limit: Math.min(left, SCAN_PAGE),
      });
      const rows = decode(page.rows) as [Key, Decoded][];
      yield* rows;
      if (page.next === undefined) return;
      left -= rows.length;
      if (backward) end = page.next;
      else start = page.next;
    }
  }

  /** Runs a batch as one transaction, and gives one result for each operation. */
  async apply(operations: readonly Operation[]): Promise<Decoded[]> {
    return list(await this.raw.documents.apply(encode(operations as readonly Value[], 'operations')));
  }

  /** The tables that exist, by name. */
  async tables(): Promise<TableInfo[]> {
    const tables = await this.raw.tables.list();
    return tables.map(({ name, documents, indexes }) => ({ name, documents: Number(documents), indexes }));
  }

  /** Removes a table with its documents, functions and indexes; false if there was none. */
  async dropTable(table: string): Promise<boolean> {
    return this.raw.tables.drop(checkText(table, 'table'));
  }

  /**
   * Makes an index, and the table if there is none. A string or an array stands for its fields.
   *
   * With options, it is built in steps, each a call of its own: no call is long, and memory does not grow with the
   * table. No query uses it until the last step. If the page is closed in between, the same call goes on where it was.
   * If it rejects, nothing is left of the index.
   *
   * ```ts
   * await db.createIndex('cities', 'population', { onProgress: ({ done, total }) => show(done / total) });
   * ```
   */
  async createIndex(
    table: string,
    definition: IndexDefinition | string | readonly FieldPath[],
    options?: IndexOptions,
  ): Promise<IndexInfo> {
    const full =
      typeof definition === 'string'
        ? { fields: [definition] }
        : isList(definition)
          ? { fields: definition }
          : definition;
    checkText(table, 'table');
    if (options === undefined) {
      return indexInfo(await this.raw.indexes.create(table, encode(full as unknown as Value, 'definition')));
    }
    const inSteps = encode({ ...full, background: true } as unknown as Value, 'definition');
    return indexInfo(await buildIndex(this.raw.indexes, table, inSteps, options));
  }

  /** Removes an index; false if there was none. */
  async dropIndex(table: string, name: string): Promise<boolean> {
    return dropIndex(this.raw.indexes, checkText(table, 'table'), checkText(name, 'name'));
  }

  /** The indexes of a table. */
  async indexes(table: string): Promise<IndexInfo[]> {
    return (await this.raw.indexes.list(checkText(table, 'table'))).map(indexInfo);
  }

  /** What an index holds, in numbers. */
  async indexStatistics(table: string, name: string): Promise<IndexStatistics> {
    const statistics = await this.raw.indexes.statistics(checkText(table, 'table'), checkText(name, 'name'));
    return decode(statistics) as unknown as IndexStatistics;
  }

  /**
   * The keys and documents that a query asks for.
   *
   * ```ts
   * const rows = await db.query({
   *   table: 'cities',
   *   where: { field: 'population', op: '>', value: 1_000_000 },
   *   sort: [{ field: 'population', descending: true }],
   *   limit: 10,
   * });
   * ```
   */
  async query(query: Query): Promise<[Key, Decoded][]> {
    return decode(await this.raw.queries.run(encode(query as unknown as Value, 'query'))) as [Key, Decoded][];
  }

  /** How many documents a query asks for. */
  async count(query: Query): Promise<number> {
    return Number(await this.raw.queries.count(encode(query as unknown as Value, 'query')));
  }

  /** How a query would find its documents. */
  async explain(query: Query): Promise<Plan> {
    return decode(
      await this.raw.queries.explain(encode(query as unknown as Value, 'query')),
    ) as unknown as Plan;
  }

  /** Runs Lua code with `args` as its `...`, and gives all that it returns. */
  async eval(source: string, args: readonly Value[] = [], options: CallOptions = {}): Promise<Decoded[]> {
    const exports = options.readOnly ? this.#reading : this.raw;
    return list(
      await exports.lua.eval(
        checkText(source, 'source'),
        encode(args, 'arguments'),
        componentOptions(options),
      ),
    );
  }

  /** Keeps a Lua function, with the local variables around it, under a name in a table. */
  async persistFunction(table: string, name: string, source: string): Promise<void> {
    await this.raw.functions.persist(
      checkText(table, 'table'),
      checkText(name, 'name'),
      checkText(source, 'source'),
      componentOptions({}),
    );
  }

  /** Keeps the function of a binary chunk of Lua 5.4, as `string.dump` makes it, with nil in its variables. */
  async persistBytecode(table: string, name: string, bytecode: Uint8Array): Promise<void> {
    await this.raw.functions.persistBytecode(
      checkText(table, 'table'),
      checkText(name, 'name'),
      bytecode,
      componentOptions({}),
    );
  }

  /** Gives a function another name, also in another table; false if there was none. */
  async renameFunction(table: string, name: string, newTable: string, newName: string): Promise<boolean> {
    return this.raw.functions.rename(
      checkText(table, 'table'),
      checkText(name, 'name'),
      checkText(newTable, 'newTable'),
      checkText(newName, 'newName'),
    );
  }

  /** Calls a persisted function, and gives all that it returns. */
  async callFunction(
    table: string,
    name: string,
    args: readonly Value[] = [],
    options: CallOptions = {},
  ): Promise<Decoded[]> {
    const exports = options.readOnly ? this.#reading : this.raw;
    return list(
      await exports.functions.call(
        checkText(table, 'table'),
        checkText(name, 'name'),
        encode(args, 'arguments'),
        componentOptions(options),
      ),
    );
  }

  /** The persisted functions of a table, or of all. */
  async functions(table?: string): Promise<FunctionInfo[]> {
    const functions = await this.raw.functions.list(
      table === undefined ? undefined : checkText(table, 'table'),
    );
    return functions.map((info) => ({ ...info, size: Number(info.size), stored: Number(info.stored) }));
  }

  /**
   * How often functions were called, and how long that took, by table and name. It is in memory only, and
   * begins anew with each instance of the component.
   */
  async functionStatistics(): Promise<FunctionStatistics[]> {
    const all = await this.raw.functions.statistics();
    return all.map((info) => ({
      table: info.table,
      name: info.name,
      calls: Number(info.calls),
      failures: Number(info.failures),
      instructions: Number(info.instructions),
      milliseconds: Number(info.nanoseconds) / 1e6,
    }));
  }

  /** The source text of a persisted function; undefined if there is none. */
  async functionSource(table: string, name: string): Promise<string | undefined> {
    return this.raw.functions.source(checkText(table, 'table'), checkText(name, 'name'));
  }

  /** Deletes a persisted function; false if there was none. */
  async deleteFunction(table: string, name: string): Promise<boolean> {
    return this.raw.functions.delete(checkText(table, 'table'), checkText(name, 'name'));
  }

  async stats(): Promise<Stats> {
    return decode(await this.raw.admin.stats()) as unknown as Stats;
  }

  /** The limits in force for calls that do not say otherwise. */
  async limits(): Promise<LimitsInForce> {
    return limitsInForce(await this.raw.admin.limits());
  }

  /** Sets the limits of the database, all of them: what is absent goes back to its default. */
  async setLimits(limits: Limits): Promise<void> {
    await this.raw.admin.setLimits(componentLimits(limits));
  }

  /** SHA-256 over everything the database holds; equal states have equal digests everywhere. */
  async digest(): Promise<Uint8Array> {
    return this.raw.admin.digest();
  }

  /**
   * The whole database as one file, as it is after the calls that were made before. Calls that are made
   * meanwhile go on, and do not show.
   *
   * ```ts
   * const file = await db.exportArchive({ onProgress: ({ entries }) => show(entries) });
   * await copy.importArchive(file);
   * ```
   */
  async exportArchive(options: ArchiveOptions = {}): Promise<Blob> {
    // An instance of its own, over a state that stays as it is.
    const state = await this.#transactor.state();
    return writeArchive(makeEngine(this.#code, new Session(state), {}), options);
  }

  /**
   * Fills a database that holds nothing with what an archive has, from this package or from the
   * command `cu backup`. Until it is through, other calls reject with `incomplete`, in every tab, and so they do
   * after the page was closed in the midst of it: importing again begins anew. If it rejects, the
   * database holds nothing.
   *
   * Rejects with `already-exists` if the database holds something, `unsupported-format` for a file that
   * is no archive or a newer one, `corrupt` for a damaged one, `archive-io`, and `cancelled`.
   */
  async importArchive(archive: Blob, options: ArchiveOptions = {}): Promise<void> {
    if (!(archive instanceof Blob)) {
      throw new CuError('invalid-argument', 'archive must be a Blob, such as a File.', { place: 'archive' });
    }
    await readArchive(archive, this.raw.archive, options);
  }

  /** What the storage holds, and how. */
  get storage(): StorageInfo {
    return this.#transactor.info;
  }

  /** Closes the database after the calls that were made before. Later calls are `store-closed`. */
  async close(): Promise<void> {
    await this.#transactor.close();
  }

  /**
   * Deletes a database from IndexedDB, if there is one. Open databases of the name are closed first,
   * in other tabs too; their later calls reject with `store-closed`.
   */
  static async deleteDatabase(name: string): Promise<void> {
    checkName(name);
    await idb.remove(name);
  }
}

/** A key as the component takes it. */
function componentKey(key: Key, place = 'key') {
  switch (typeof key) {
    case 'string':
      return { tag: 'text' as const, val: checkText(key, place) };
    case 'number':
    case 'bigint':
      return { tag: 'integer' as const, val: whole(key, place, -(2n ** 63n), 2n ** 63n) };
    default:
      if (key instanceof Uint8Array) return { tag: 'bytes' as const, val: key };
      throw new CuError('invalid-argument', `${place} must be a whole number, a string or a Uint8Array.`, {
        place,
      });
  }
}

function indexInfo(info: { name: string; definition: Uint8Array; entries: bigint }): IndexInfo {
  return { name: info.name, definition: decode(info.definition), entries: Number(info.entries) };
}

function list(bytes: Uint8Array): Decoded[] {
  return decode(bytes) as Decoded[];
}

function isList(definition: unknown): definition is readonly FieldPath[] {
  return Array.isArray(definition);
}
