/** A Lua machine with the interface of the module `cu` 2.1, over a workspace. */
import type { Decoded } from '../cbor/decode.ts';
import { encode } from '../cbor/encode.ts';
import type { Value } from '../cbor/values.ts';
import { list } from '../component.ts';
import { CuError } from '../errors.ts';
import { componentOptions } from '../options.ts';
import type { Workspace } from '../workspace.ts';
import { IoBuffer, isInteger64 } from './buffer.ts';
import * as lua from './lua.ts';

/** The ids of the tables that are always there. */
const HOME_ID = 1;
const IO_ID = 2;

export interface MemoryStats {
  /** Bytes that Lua may use, uses, and may still use. */
  readonly total: number;
  readonly used: number;
  readonly free: number;
  /** The same in the names of the older module's types. */
  readonly io_buffer_size: number;
  readonly cu_memory_used: number;
  readonly wasm_pages: number;
}

export interface TableInfo {
  readonly id: number;
  /** How many keys there are. */
  readonly size: number;
  readonly keys: readonly string[];
}

export interface TablesInfo {
  readonly tableCount: number;
  readonly homeTableId: number | null;
  readonly memoryTableId: number | null;
  readonly nextTableId: number;
  readonly tables: readonly TableInfo[];
}

/** The parts of `_io`. */
export type IoMember = 'input' | 'output' | 'meta';

export class Cu {
  readonly workspace: Workspace;
  /** Whether what is saved outlives the page. */
  readonly isLasting: boolean;
  readonly buffer = new IoBuffer();
  readonly #ids = new Map<string, number>([
    ['_home', HOME_ID],
    ['_io', IO_ID],
  ]);
  #isReady = false;

  constructor(workspace: Workspace, isLasting: boolean) {
    this.workspace = workspace;
    this.isLasting = isLasting;
  }

  /** Runs a script, and gives the bytes of its result in the buffer, or of its error as a negative number. */
  compute(code: string): number {
    let results: Decoded[];
    try {
      results = this.#eval(lua.COMPUTE, [code]);
    } catch (error) {
      this.workspace.takePrinted();
      return this.buffer.writeError(`error: ${(error as Error).message}`);
    }
    const printed = joined(this.workspace.takePrinted());
    const [value = null, kind] = results;
    try {
      return this.buffer.writeResult(printed, value, kindOf(value, kind as string));
    } catch (error) {
      return this.buffer.writeError(`error: ${(error as Error).message}`);
    }
  }

  /** Runs a script, and gives its first result. Throws its error. */
  value(code: string): Decoded {
    const [value = null, kind] = this.#eval(lua.COMPUTE, [code]);
    return kind === 'function' ? '<function>' : value;
  }

  setIo(member: IoMember, value: unknown): void {
    this.#eval(lua.SET_IO, [member, plainValue(value)]);
  }

  getIo(member: IoMember): Decoded {
    return this.#eval(lua.GET_IO, [member])[0] ?? null;
  }

  clearIo(): void {
    this.#eval(lua.CLEAR_IO);
  }

  showMemory(enabled: boolean): void {
    this.#eval(enabled ? lua.SHOW_MEMORY : lua.HIDE_MEMORY);
  }

  collect(): void {
    this.#eval(lua.COLLECT);
  }

  memoryStats(): MemoryStats {
    const limits = this.workspace.run((engine) => engine.admin.limits()).result;
    const total = Number(limits.memory);
    const used = Number(this.#eval(lua.USED)[0]);
    return {
      total,
      used,
      free: Math.max(0, total - used),
      io_buffer_size: this.buffer.size,
      cu_memory_used: used,
      wasm_pages: Math.ceil(total / 65_536),
    };
  }

  /** The tables of `_home`, itself and `_io`. A table keeps its id as long as this lives. */
  tablesInfo(): TablesInfo {
    const stored = this.workspace.run((engine) => engine.tables.list()).result;
    const names = ['_home', '_io', ...stored.map(({ name }) => name).filter((name) => name !== '_home')];
    for (const name of names) if (!this.#ids.has(name)) this.#ids.set(name, this.#ids.size + 1);
    const tables = names.map((name) => {
      const keys = this.#eval(lua.KEYS, [name])[0] as string[];
      return { id: this.#ids.get(name)!, size: keys.length, keys };
    });
    return {
      tableCount: tables.length,
      homeTableId: HOME_ID,
      memoryTableId: HOME_ID,
      nextTableId: this.#ids.size + 1,
      tables,
    };
  }

  get homeId(): number {
    return HOME_ID;
  }

  get ioId(): number {
    return IO_ID;
  }

  #eval(source: string, args: readonly unknown[] = []): Decoded[] {
    if (!this.#isReady) {
      this.#run(lua.PRELUDE, []);
      this.#isReady = true;
    }
    try {
      return this.#run(source, args);
    } catch (error) {
      // A new machine knows nothing of the globals.
      if (error instanceof CuError && error.code === 'trapped') this.#isReady = false;
      throw error;
    }
  }

  #run(source: string, args: readonly unknown[]): Decoded[] {
    const bytes = encode(args as Value, 'arguments');
    const options = componentOptions({ keepGlobals: true });
    return list(this.workspace.run((engine) => engine.lua.eval(source, bytes, options)).result);
  }
}

/** Big integers are userdata to Lua, and may be small. */
function kindOf(value: Decoded, kind: string): string {
  if (kind !== 'userdata') return kind;
  const isSmall = typeof value === 'number' || (typeof value === 'bigint' && isInteger64(value));
  return isSmall ? 'integer' : kind;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const bytes = new Uint8Array(pieces.reduce((size, piece) => size + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** A value of JavaScript as the older module took it: the members of objects of any class; null for what has no value in Lua. */
function plainValue(value: unknown): unknown {
  if (typeof value === 'function' || typeof value === 'symbol' || value === undefined) return null;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(plainValue);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plainValue(member)]));
}
