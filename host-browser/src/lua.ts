/** The calls that run Lua code, and those about the functions that are kept. */
import type { Decoded } from './cbor/decode.ts';
import { encode } from './cbor/encode.ts';
import type { Value } from './cbor/values.ts';
import { list } from './component.ts';
import { type CallOptions, checkText, componentOptions } from './options.ts';
import type { Raw } from './raw.ts';
import type { FunctionInfo, FunctionStatistics } from './types.ts';

export abstract class LuaCalls {
  /** The component's exports with values as CBOR bytes. */
  readonly raw: Raw;
  readonly #reading: Raw;

  /** @internal */
  constructor(raw: Raw, reading: Raw) {
    this.raw = raw;
    this.#reading = reading;
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
}
