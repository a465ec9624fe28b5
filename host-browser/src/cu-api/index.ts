/**
 * The module `cu` 2.1, over the database of this package: the same exports, values and bytes.
 *
 * What a script changes is in memory, and lasts when `saveState` has saved it, as ever; it is then a database of this package,
 * which `open` of `cu-db` opens as well. `docs/compatibility.md` says of each name what it does here.
 *
 * ```ts
 * import cu from 'cu-db/cu-api';
 *
 * await cu.load();
 * cu.init();
 * const bytes = await cu.compute('_home.n = (_home.n or 0) + 1  print("hello")  return _home.n');
 * cu.readResult(cu.getBufferPtr(), bytes); // { output: 'hello\n', result: 1 }
 * await cu.saveState();
 * ```
 *
 * @module cu-db/cu-api
 */
import type { Decoded } from '../cbor/decode.ts';
import { CuError } from '../errors.ts';
import { OLDER_NAME } from '../migrate/stored.ts';
import { Workspace } from '../workspace.ts';
import type { DeserializedResult } from './buffer.ts';
import { Cu, type MemoryStats, type TablesInfo } from './cu.ts';
import { takeOver } from './take-over.ts';

export type { DeserializedResult } from './buffer.ts';
export type { MemoryStats, TableInfo, TablesInfo } from './cu.ts';

export interface LoadOptions {
  /** Whether to begin with what is saved; true by default. */
  readonly autoRestore?: boolean;
  /** The database's name; `LuaPersistentDB` by default. In IndexedDB it is not the older module's database of that name. */
  readonly name?: string;
  /**
   * Whether the first load takes over what the older module has saved under the same name, if nothing was saved here
   * yet; true by default. The older database stays as it is. `cu-db/migrate` does the same with more to choose.
   */
  readonly migrate?: boolean;
  /** `indexeddb`, the default, or `memory`, where `saveState` keeps nothing beyond the page. */
  readonly storage?: 'indexeddb' | 'memory';
  /** The compiled `cu.core.wasm`, for bundlers that can't find the file that comes with the package. */
  readonly module?: WebAssembly.Module;
  /** Accepted, and without effect: the component comes with the package. */
  readonly wasmPath?: string;
}

let cu: Cu | undefined;
let isInitialised = false;

function loaded(): Cu {
  if (cu === undefined) throw new Error('WASM not loaded. Call load() first');
  return cu;
}

/**
 * Loads the component, and what is saved. Loading again begins with a new machine. Resolves to true, or rejects with a
 * `CuError`.
 */
export async function load(options: LoadOptions = {}): Promise<boolean> {
  const made = await make(options);
  const before = cu;
  cu = made;
  isInitialised = false;
  await before?.workspace.close();
  return true;
}

async function make(options: LoadOptions): Promise<Cu> {
  const { autoRestore = true, name = OLDER_NAME, storage = 'indexeddb', migrate = true, module } = options;
  const common = { restore: autoRestore, whenBehind: 'replace', ...(module && { module }) } as const;
  try {
    const workspace = await Workspace.open(name, { ...common, storage });
    if (autoRestore && migrate && workspace.isNew && storage === 'indexeddb') await takeOver(name, workspace);
    return new Cu(workspace, true);
  } catch (error) {
    if (!(error instanceof CuError) || error.code !== 'store-unavailable') throw error;
    // Scripts run all the same, and saving says that it can't.
    console.warn(`Nothing that is saved will last: ${error.message}`);
    return new Cu(await Workspace.open(name, { ...common, storage: 'memory' }), false);
  }
}

/** Begins. Gives 0. */
export function init(): number {
  loaded();
  isInitialised = true;
  return 0;
}

/**
 * Runs Lua code, and resolves to how many bytes of result are in the I/O buffer; `readResult` reads them. If it fails, that
 * is a negative number, of the bytes of `error: ` and the message. The code has run when this returns, before the promise resolves.
 */
export async function compute(code: string): Promise<number> {
  return loaded().compute(checkCode(code));
}

/** Runs Lua code, and resolves to the first value that it returns, or null. Rejects with its error. */
export async function computeValue(code: string): Promise<Decoded> {
  return loaded().value(checkCode(code));
}

function checkCode(code: unknown): string {
  if (typeof code !== 'string' || code === '') throw new Error('Code must be a non-empty string');
  return code;
}

/** Where the I/O buffer begins. */
export function getBufferPtr(): number {
  return loaded().buffer.pointer;
}

/** How many bytes the I/O buffer has: 65,536. */
export function getBufferSize(): number {
  return loaded().buffer.size;
}

/** Bytes of the I/O buffer as text. */
export function readBuffer(ptr: number, len: number): string {
  return loaded().buffer.readText(ptr, len);
}

/** What a script printed, and the first value that it returned. A negative length gives the text of an error as the result. */
export function readResult(ptr: number, len: number): DeserializedResult {
  return loaded().buffer.readResult(ptr, len);
}

/** Writes text into the I/O buffer, and gives how many bytes it took. */
export function writeBuffer(ptr: number, data: string): number {
  return loaded().buffer.writeText(ptr, data);
}

export function getMemoryStats(): MemoryStats {
  return loaded().memoryStats();
}

/** Collects Lua's garbage. */
export function runGc(): boolean {
  loaded().collect();
  return true;
}

/** Sets `_io.input`. */
export function setInput(data: unknown): void {
  loaded().setIo('input', data);
}

/** What a script has put into `_io.output`, or null. */
export function getOutput(): Decoded {
  return loaded().getIo('output');
}

/** Sets `_io.meta`. */
export function setMetadata(meta: unknown): void {
  loaded().setIo('meta', meta);
}

/** Empties `_io`. */
export function clearIo(): void {
  cu?.clearIo();
}

/**
 * Saves all tables. False if that fails; the console has the reason. What another page has saved meanwhile is
 * replaced, as ever.
 */
export async function saveState(): Promise<boolean> {
  const { workspace, isLasting } = loaded();
  return isLasting && tried('save state', () => workspace.save());
}

/** Goes back to what is saved, by whichever page. False if that fails. */
export async function loadState(): Promise<boolean> {
  const { workspace } = loaded();
  return tried('load state', () => workspace.restore());
}

/** Deletes what is saved; what is in memory stays. False if that fails. */
export async function clearPersistedState(): Promise<boolean> {
  const { workspace } = loaded();
  return tried('clear persisted state', () => workspace.clearSaved());
}

async function tried(what: string, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    console.error(`Failed to ${what}:`, error);
    return false;
  }
}

/** The tables: `_home`, `_io`, and those in `_home`. */
export function getTableInfo(): TablesInfo {
  return loaded().tablesInfo();
}

/** The id of `_home`; null before `init`. */
export function getHomeTableId(): number | null {
  return isInitialised ? loaded().homeId : null;
}

/** The id of `_home` by its older name. */
export const getMemoryTableId = getHomeTableId;

/** The id of `_io`. */
export function getIoTableId(): number {
  return loaded().ioId;
}

/** Whether scripts find `_home` as `Memory`, too; they do unless this says otherwise. */
export function setMemoryAliasEnabled(enabled: boolean): void {
  loaded().showMemory(enabled);
}

export default {
  load,
  init,
  compute,
  computeValue,
  getBufferPtr,
  getBufferSize,
  getMemoryStats,
  runGc,
  readBuffer,
  readResult,
  writeBuffer,
  saveState,
  loadState,
  clearPersistedState,
  getTableInfo,
  getHomeTableId,
  getMemoryTableId,
  setMemoryAliasEnabled,
  getIoTableId,
  setInput,
  getOutput,
  setMetadata,
  clearIo,
};
