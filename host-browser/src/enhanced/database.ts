/** The enhanced interface: one class over a workspace. */
import { type Decoded, decode } from '../cbor/decode.ts';
import { encode } from '../cbor/encode.ts';
import { list } from '../component.ts';
import type { Engine } from '../engine/engine.ts';
import { CuError } from '../errors.ts';
import { componentOptions } from '../options.ts';
import { printer } from '../print.ts';
import type { Stats } from '../types.ts';
import { type Made, Workspace } from '../workspace.ts';
import { type AuditEntry, addEntry, clearEntries, readEntries } from './audit.ts';
import { checkConfig, DEFAULTS, type EnhancedConfig, type EnhancedOptions } from './config.ts';
import { type EnhancedErrorCode, EnhancedLuaError } from './errors.ts';
import { checkFunctionSource, unsafeNames } from './functions.ts';
import { createdIndex, type EnhancedIndex, type IndexType, readIndexes } from './indexes.ts';
import { batchError, type OperationResult, stepsOf, type TableOperation, takeSteps } from './operations.ts';
import { componentQuery, type EnhancedQuery, queryError, runQuery } from './query.ts';
import { tableName } from './target.ts';

export interface PersistOptions {
  /** With false, a function may name what the sandbox does not have, such as `io`. */
  readonly validate?: boolean;
  /** Accepted, and without effect: functions are kept as their text, which the store compresses. */
  readonly compress?: boolean;
}

export interface EnhancedMemoryStats {
  /** How many tables there are. */
  readonly externalTables: number;
  /** How many functions are kept. */
  readonly functionRegistry: number;
  readonly indices: number;
  /** How many results of queries are kept in memory. */
  readonly cacheSize: number;
  /** How many bytes a call may return. */
  readonly bufferSize: number;
  /** The part of it that the last `eval` has used, from 0 to 1. */
  readonly bufferUsage: number;
}

/**
 * A database in the page's own thread, with the interface that was announced for Cu's enhanced module.
 *
 * Promises resolve when what was written is durable. `eval` is synchronous, and what it writes is made durable right after;
 * `saveState` waits for that. What batches store in a table `users` is `_home.users` in Lua, which is also `Memory.users`.
 *
 * ```ts
 * const db = await EnhancedCuWASM.init({ name: 'shop' });
 * await db.batchTableOperations([{ type: 'set', table: 'users', key: 'user1', value: { name: 'Ada', age: 36 } }]);
 * await db.createIndex('users', 'age', 'btree');
 * await db.queryTable('users', { field: 'age', operator: '>=', value: 18, limit: 10 });
 * db.eval('return Memory.users.user1.name'); // 'Ada'
 * ```
 */
export class EnhancedCuWASM {
  /** The options in force. */
  config: EnhancedConfig = DEFAULTS;
  #workspace: Workspace | undefined;
  #beginning: Promise<this> | undefined;
  #maximumBytes: number | undefined;
  #resultSize = 0;
  #used = 0;
  readonly #indexes = new Map<string, EnhancedIndex>();
  #print: (bytes: Uint8Array) => void = () => {};

  static {
    // Minifying renames the class, and consoles show the class.
    Object.defineProperty(EnhancedCuWASM, 'name', { value: 'EnhancedCuWASM' });
  }

  /** A new one, which is initialised. */
  static init(options: EnhancedOptions = {}): Promise<EnhancedCuWASM> {
    return new EnhancedCuWASM().init(options);
  }

  get isInitialized(): boolean {
    return this.#workspace !== undefined;
  }

  /** Opens the database, and makes it if there is none. Does nothing if it is open. Rejects with `INIT_FAILED`, or `WASM_LOAD_FAILED`. */
  init(options: EnhancedOptions = {}): Promise<this> {
    this.#beginning ??= this.#begin(options).catch((error: unknown) => {
      this.#beginning = undefined;
      const code =
        error instanceof CuError && error.code === 'unsupported-engine' ? 'WASM_LOAD_FAILED' : 'INIT_FAILED';
      throw new EnhancedLuaError(
        code,
        `Failed to initialize enhanced Lua WASM: ${(error as Error).message}`,
        error,
      );
    });
    return this.#beginning;
  }

  async #begin(options: EnhancedOptions): Promise<this> {
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    const config = { ...DEFAULTS, ...Object.fromEntries(given) } as EnhancedConfig;
    checkConfig(config);
    const workspace = await Workspace.open(config.name, {
      storage: config.storage,
      restore: config.autoRestore,
      whenBehind: config.autoRestore ? 'replay' : 'replace',
      ...(config.module && { module: config.module }),
    });
    this.config = config;
    this.#maximumBytes = options.maxBatchBytes;
    this.#print = printer(config.onPrint);
    this.#resultSize = Number(workspace.run((engine) => engine.admin.limits()).result.resultSize);
    this.#workspace = workspace;
    if (config.autoRestore) workspace.follow().catch((error: unknown) => this.#report(error));
    return this;
  }

  /**
   * Runs Lua code now, and gives the first value that it returns, or null. Globals stay for the next call. What it writes
   * takes place as a whole, or not at all if it fails. Throws `LUA_EXECUTION_ERROR`, and at once `NOT_INITIALIZED`.
   */
  eval(code: string): Decoded {
    const workspace = this.#open();
    if (typeof code !== 'string') throw new EnhancedLuaError('INVALID_INPUT', 'Lua code must be a string');
    const options = componentOptions({ keepGlobals: true, wallClock: this.config.queryTimeout });
    const none = encode([], 'arguments');
    const called = this.#call(
      'eval',
      `Ran Lua code: ${firstLine(code)}`,
      (error) => evalError(error),
      (engine) => {
        const bytes = engine.lua.eval(code, none, options);
        this.#used = bytes.length;
        return list(bytes)[0] ?? null;
      },
    );
    if (workspace.isChanged && this.config.autoRestore) {
      workspace.save().then(
        () => called.error && this.#report(called.error),
        (error: unknown) => this.#report(error),
      );
    }
    return called.result;
  }

  /**
   * Keeps a Lua function in a table, under a name. The source is a function, or a chunk that returns one, which is run
   * once; the local variables around it are kept with it.
   */
  async persistFunction(
    table: string,
    name: string,
    source: string,
    options: PersistOptions = {},
  ): Promise<true> {
    this.#open();
    const message = `Persisted function ${String(name)} in ${String(table)}`;
    await this.#change('persistFunction', message, functionError, () => {
      checkFunctionSource(source);
      const target = tableName(table);
      if (typeof name !== 'string' || name === '') {
        throw new EnhancedLuaError('INVALID_KEY', 'A function needs a name, which is a string');
      }
      return (engine) => {
        engine.functions.persist(target, name, source, componentOptions({}));
        const unsafe = options.validate === false ? [] : unsafeNames(engine, target, name);
        if (unsafe.length > 0) {
          throw new CuError(
            'invalid-argument',
            `Function uses what the sandbox does not have: ${unsafe.join(', ')}`,
            {
              place: 'unsafe',
            },
          );
        }
      };
    });
    return true;
  }

  /**
   * Runs operations in their order, and tells what came of each. All become durable together. One that fails changes nothing,
   * and the others take place, unless `atomic` is asked for: then nothing does, and this rejects.
   */
  async batchTableOperations(
    operations: readonly TableOperation[],
    options: { readonly atomic?: boolean } = {},
  ): Promise<OperationResult[]> {
    this.#open();
    if (Array.isArray(operations) && operations.length === 0) return [];
    const many = Array.isArray(operations) ? operations.length : 0;
    return this.#change('batchTableOperations', `Ran a batch of ${many} operations`, batchError, () => {
      const steps = stepsOf(operations, this.config, this.#maximumBytes);
      return (engine) => {
        const results = takeSteps(engine, steps, operations);
        const failed = results.findIndex(({ success }) => !success);
        if (options.atomic && failed >= 0) {
          const message = `Operation ${failed} failed, and nothing of the batch took place: ${results[failed]!.error}`;
          throw new CuError('precondition-failed', message, { place: `[${failed}]` });
        }
        return results;
      };
    });
  }

  /** Makes an index on a field of a table's documents. Making it again gives the same. */
  async createIndex(table: string, field: string, type: IndexType = 'btree'): Promise<EnhancedIndex> {
    this.#open();
    const message = `Created ${String(type)} index on ${String(table)}.${String(field)}`;
    const index = await this.#change('createIndex', message, indexError, () =>
      createdIndex(table, field, type),
    );
    const key = `${index.table}:${index.field}:${index.type}`;
    if (!this.#indexes.has(key)) this.#indexes.set(key, index);
    return this.#indexes.get(key)!;
  }

  /** The documents whose field meets the condition, in the order of the field's values. */
  async queryTable<T = Decoded>(table: string, query: EnhancedQuery): Promise<T[]> {
    this.#open();
    const message = `Queried ${String(table)}`;
    const found = await this.#change('queryTable', message, asQueryError, () => {
      const asked = componentQuery(table, query);
      return (engine) => runQuery(engine, asked);
    });
    return found as T[];
  }

  getMemoryStats(): EnhancedMemoryStats {
    const workspace = this.#open();
    const { tables, functions, indexes, cache } = workspace.run(
      (engine) => decode(engine.admin.stats()) as unknown as Stats,
    ).result;
    return {
      externalTables: tables,
      functionRegistry: functions,
      indices: indexes,
      cacheSize: cache.entries,
      bufferSize: this.#resultSize,
      bufferUsage: this.#used / this.#resultSize,
    };
  }

  /** Waits until everything is durable. Rejects with `SAVE_STATE_FAILED`. */
  async saveState(): Promise<true> {
    const workspace = this.#open();
    try {
      await workspace.save();
    } catch (error) {
      throw new EnhancedLuaError(
        'SAVE_STATE_FAILED',
        `Failed to save state: ${(error as Error).message}`,
        error,
      );
    }
    return true;
  }

  /** Goes to what is stored, by whichever page. False if that can't be read; nothing is lost then. */
  async loadState(): Promise<boolean> {
    const workspace = this.#open();
    try {
      if (this.config.autoRestore) await workspace.save();
      await workspace.restore();
      return true;
    } catch (error) {
      this.#log(
        'loadState',
        'Failed to load state',
        new EnhancedLuaError('LOAD_STATE_FAILED', String(error), error),
      );
      return false;
    }
  }

  /** Closes the database when what was written is stored. It can be initialised again. */
  async close(): Promise<void> {
    const workspace = this.#workspace;
    if (workspace === undefined) return;
    if (this.config.autoRestore) await this.saveState();
    this.#workspace = undefined;
    this.#beginning = undefined;
    this.#indexes.clear();
    await workspace.close();
  }

  /** What was done, the oldest first: the audit log as it is in the database now. Assigning `[]` clears it. */
  get auditLog(): AuditEntry[] {
    return this.#open().run(readEntries).result;
  }

  set auditLog(entries: readonly AuditEntry[]) {
    const workspace = this.#open();
    if (!Array.isArray(entries) || entries.length > 0) {
      throw new EnhancedLuaError('INVALID_INPUT', 'The audit log can only be cleared, by an empty array');
    }
    workspace.run(clearEntries);
    this.#saveLater(workspace);
  }

  /** The tables by name, with how many documents each has: a copy, as are those that follow. */
  get externalTables(): Map<string, number> {
    const tables = this.#open().run((engine) => engine.tables.list()).result;
    return new Map(tables.map(({ name, documents }) => [name, Number(documents)]));
  }

  /** The kept functions, by table and name, with their sizes in bytes. */
  get functionRegistry(): Map<string, { readonly size: number }> {
    const functions = this.#open().run((engine) => engine.functions.list(undefined)).result;
    return new Map(functions.map(({ table, name, size }) => [`${table}:${name}`, { size: Number(size) }]));
  }

  /** The indexes that `createIndex` has made, by table and field. */
  get indices(): Map<string, EnhancedIndex> {
    const indexes = this.#open().run(readIndexes).result;
    return new Map(indexes.map((index) => [`${index.table}:${index.field}`, index]));
  }

  #open(): Workspace {
    if (this.#workspace !== undefined) return this.#workspace;
    throw new EnhancedLuaError('NOT_INITIALIZED', 'Enhanced Lua WASM not initialized');
  }

  /** Makes a call and waits until it is durable. `prepare` looks at what was given before anything is done. */
  async #change<T>(
    api: string,
    message: string,
    errorOf: (error: unknown) => EnhancedLuaError,
    prepare: () => (engine: Engine) => T,
  ): Promise<T> {
    const workspace = this.#open();
    let work: (engine: Engine) => T;
    try {
      work = prepare();
    } catch (thrown) {
      const error = errorOf(thrown);
      this.#log(api, message, error);
      throw error;
    }
    const made = this.#call(api, message, errorOf, work);
    if (this.config.autoRestore && workspace.isChanged) {
      try {
        await workspace.save();
      } catch (thrown) {
        // What rejects is not there, and is not stored later.
        workspace.undo(made);
        const error = errorOf(thrown);
        this.#log(api, message, error);
        throw error;
      }
    }
    if (made.error !== undefined) throw errorOf(made.error);
    return made.result;
  }

  /** Makes a call, and logs it. */
  #call<T>(
    api: string,
    message: string,
    errorOf: (error: unknown) => EnhancedLuaError,
    work: (engine: Engine) => T,
  ): Made<T> {
    const workspace = this.#open();
    const entry: AuditEntry = {
      timestamp: new Date().toISOString(),
      level: 'info',
      message,
      api,
      outcome: 'ok',
    };
    try {
      return workspace.run((engine) => {
        const before = workspace.state;
        const result = work(engine);
        if (workspace.state !== before || this.config.audit === 'all')
          addEntry(engine, entry, this.config.auditLimit);
        return result;
      });
    } catch (thrown) {
      const error = errorOf(thrown);
      this.#log(api, message, error);
      throw error;
    } finally {
      for (const bytes of workspace.takePrinted()) this.#print(bytes);
    }
  }

  /** Logs a call that failed. */
  #log(api: string, what: string, error: EnhancedLuaError): void {
    const workspace = this.#open();
    const message = `${what}: ${error.message}`;
    const { timestamp, code } = error;
    const entry: AuditEntry = { timestamp, level: 'error', message, api, outcome: 'failed', code };
    try {
      workspace.run((engine) => addEntry(engine, entry, this.config.auditLimit));
    } catch (refused) {
      // The caller is told of the error that was to be logged.
      this.#report(refused);
    }
    this.#saveLater(workspace);
  }

  #saveLater(workspace: Workspace): void {
    if (this.config.autoRestore) workspace.save().catch((error: unknown) => this.#report(error));
  }

  /** Tells of an error that no call can reject with. */
  #report(thrown: unknown): void {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const error = new EnhancedLuaError('SAVE_STATE_FAILED', message, thrown);
    if (this.config.onError) this.config.onError(error);
    else console.error(error);
  }
}

function firstLine(code: string): string {
  const line = code.trim().split('\n', 1)[0]!;
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}

function evalError(error: unknown): EnhancedLuaError {
  const own = ['script', 'syntax', 'limit-exceeded', 'unstorable'];
  const code = error instanceof CuError && own.includes(error.code) ? 'LUA_EXECUTION_ERROR' : 'EVAL_FAILED';
  return asEnhanced(code, error);
}

function functionError(error: unknown): EnhancedLuaError {
  if (error instanceof CuError) {
    if (error.place === 'unsafe') return asEnhanced('UNSAFE_FUNCTION_CODE', error);
    if (error.code === 'syntax' || error.code === 'script')
      return asEnhanced('FUNCTION_COMPILATION_FAILED', error);
    if (error.limit === 'function-size') return asEnhanced('FUNCTION_TOO_LARGE', error);
    if (error.place === 'table') return asEnhanced('INVALID_TABLE_NAME', error);
  }
  return asEnhanced('PERSIST_FUNCTION_FAILED', error);
}

function indexError(error: unknown): EnhancedLuaError {
  return asEnhanced('CREATE_INDEX_FAILED', error);
}

function asQueryError(error: unknown): EnhancedLuaError {
  return error instanceof EnhancedLuaError ? error : queryError(error);
}

function asEnhanced(code: EnhancedErrorCode, error: unknown): EnhancedLuaError {
  if (error instanceof EnhancedLuaError) return error;
  return new EnhancedLuaError(code, error instanceof Error ? error.message : String(error), error);
}
