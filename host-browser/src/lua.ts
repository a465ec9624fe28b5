/** The calls that run Lua code, and those about the functions that are kept. */
import type { Decoded } from './cbor/decode.ts';
import { encode } from './cbor/encode.ts';
import type { Value } from './cbor/values.ts';
import { list } from './component.ts';
import type { Exports } from './connection/connection.ts';
import { cancelledBy } from './errors.ts';
import { type CallOptions, checkText, componentOptions, type SignalOptions } from './options.ts';
import { type Raw, rawExports } from './raw.ts';
import type { Durability } from './store/journal.ts';
import type { FunctionInfo, FunctionStatistics } from './types.ts';

/** What holds for all calls of an object. */
interface CallSettings extends SignalOptions {
  readonly durability?: Durability;
}

export abstract class LuaCalls {
  /** The component's exports with values as CBOR bytes. */
  readonly raw: Raw;
  readonly #exports: Exports;
  readonly #settings: CallSettings;

  /** @internal */
  constructor(exports: Exports, settings: CallSettings = {}) {
    this.raw = rawExports(exports, undefined, settings.durability);
    this.#exports = exports;
    this.#settings = settings;
  }

  /** The exports for a call with these options; throws `cancelled` if its signal is raised already. @internal */
  protected on({ signal, readOnly }: Pick<CallOptions, 'signal' | 'readOnly'> = {}): Raw {
    const either = this.heeded(signal);
    if (either?.aborted) throw cancelledBy(either);
    if (either === undefined && !readOnly) return this.raw;
    return rawExports(this.#exports, readOnly ? 'read' : undefined, this.#settings.durability, either);
  }

  /** A call's signal, or the one for all calls, or what is raised with either. @internal */
  protected heeded(signal: AbortSignal | undefined): AbortSignal | undefined {
    const { signal: own } = this.#settings;
    return signal && own ? AbortSignal.any([signal, own]) : (signal ?? own);
  }

  /** Runs Lua code with `args` as its `...`, and gives all that it returns. */
  async eval(source: string, args: readonly Value[] = [], options: CallOptions = {}): Promise<Decoded[]> {
    return list(
      await this.on(options).lua.eval(
        checkText(source, 'source'),
        encode(args, 'arguments'),
        componentOptions(options),
      ),
    );
  }

  /** Keeps a Lua function, with the local variables around it, under a name in a table. */
  async persistFunction(table: string, name: string, source: string, options?: SignalOptions): Promise<void> {
    await this.on(options).functions.persist(
      checkText(table, 'table'),
      checkText(name, 'name'),
      checkText(source, 'source'),
      componentOptions({}),
    );
  }

  /** Keeps the function of a binary chunk of Lua 5.4, as `string.dump` makes it, with nil in its variables. */
  async persistBytecode(
    table: string,
    name: string,
    bytecode: Uint8Array,
    options?: SignalOptions,
  ): Promise<void> {
    await this.on(options).functions.persistBytecode(
      checkText(table, 'table'),
      checkText(name, 'name'),
      bytecode,
      componentOptions({}),
    );
  }

  /** Gives a function another name, also in another table; false if there was none. */
  async renameFunction(
    table: string,
    name: string,
    newTable: string,
    newName: string,
    options?: SignalOptions,
  ): Promise<boolean> {
    return this.on(options).functions.rename(
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
    return list(
      await this.on(options).functions.call(
        checkText(table, 'table'),
        checkText(name, 'name'),
        encode(args, 'arguments'),
        componentOptions(options),
      ),
    );
  }

  /** The persisted functions of a table, or of all. */
  async functions(table?: string, options?: SignalOptions): Promise<FunctionInfo[]> {
    const functions = await this.on(options).functions.list(
      table === undefined ? undefined : checkText(table, 'table'),
    );
    return functions.map((info) => ({ ...info, size: Number(info.size), stored: Number(info.stored) }));
  }

  /**
   * How often functions were called, and how long that took, by table and name. It is in memory only, and
   * begins anew with each instance of the component.
   */
  async functionStatistics(options?: SignalOptions): Promise<FunctionStatistics[]> {
    const all = await this.on(options).functions.statistics();
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
  async functionSource(table: string, name: string, options?: SignalOptions): Promise<string | undefined> {
    return this.on(options).functions.source(checkText(table, 'table'), checkText(name, 'name'));
  }

  /** Deletes a persisted function; false if there was none. */
  async deleteFunction(table: string, name: string, options?: SignalOptions): Promise<boolean> {
    return this.on(options).functions.delete(checkText(table, 'table'), checkText(name, 'name'));
  }
}
