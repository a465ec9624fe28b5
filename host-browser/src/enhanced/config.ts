/** The configuration of the enhanced interface. */
import { CuError } from '../errors.ts';

export interface EnhancedOptions {
  /** The database's name; `enhanced` by default. */
  readonly name?: string;
  /** `indexeddb`, the default, or `memory` for a database that ends with the page. */
  readonly storage?: 'indexeddb' | 'memory';
  /**
   * Whether to begin with what is stored, and to store every change; true by default. With false, it begins empty, and
   * nothing is stored before `saveState`, which then replaces what is stored.
   */
  readonly autoRestore?: boolean;
  /** How many operations a batch may have; 1,000 by default. */
  readonly maxBatchSize?: number;
  /** How many bytes a batch may have. It is 65,536 in `config`, and a limit only if it is given. */
  readonly maxBatchBytes?: number;
  /** How many milliseconds Lua code may run; 10,000 by default. */
  readonly queryTimeout?: number;
  /** How many entries the audit log keeps; 1,000 by default. With 0, there is none. */
  readonly auditLimit?: number;
  /** `changes`, the default, logs what has changed something or has failed; `all` logs every call. */
  readonly audit?: 'changes' | 'all';
  /** Takes what Lua prints. By default the console does. */
  readonly onPrint?: (text: string) => void;
  /** Told of changes by `eval` that could not be stored. By default the console is. */
  readonly onError?: (error: Error) => void;
  /** The compiled `cu.core.wasm`, for bundlers that can't find the file that comes with the package. */
  readonly module?: WebAssembly.Module;
  /** Accepted, and without effect: a batch is one transaction always. */
  readonly enableTransactions?: boolean;
  /** Accepted, and without effect: large values are compressed by the store itself. */
  readonly enableCompression?: boolean;
  /** Accepted, and without effect. */
  readonly compressionThreshold?: number;
  /** Accepted, and without effect: what is cached is right as long as nothing changes. */
  readonly cacheTimeout?: number;
  /** Accepted, and without effect: the component comes with the package. */
  readonly wasmPath?: string;
}

/** The options with their defaults. */
export type EnhancedConfig = Required<Omit<EnhancedOptions, 'onPrint' | 'onError' | 'module' | 'wasmPath'>> &
  Pick<EnhancedOptions, 'onPrint' | 'onError' | 'module' | 'wasmPath'>;

export const DEFAULTS: EnhancedConfig = {
  name: 'enhanced',
  storage: 'indexeddb',
  autoRestore: true,
  maxBatchSize: 1000,
  maxBatchBytes: 65_536,
  queryTimeout: 10_000,
  auditLimit: 1000,
  audit: 'changes',
  enableTransactions: true,
  enableCompression: true,
  compressionThreshold: 1024,
  cacheTimeout: 300_000,
};

const LEAST = { maxBatchSize: 1, maxBatchBytes: 1, queryTimeout: 1, auditLimit: 0 } as const;

/** Refuses what can't be right. */
export function checkConfig(config: EnhancedConfig): void {
  for (const [name, least] of Object.entries(LEAST)) {
    const value = config[name as keyof typeof LEAST];
    if (Number.isSafeInteger(value) && value >= least) continue;
    throw new CuError('invalid-argument', `${name} must be a whole number, ${least} or more.`, {
      place: name,
    });
  }
  for (const [name, known] of Object.entries({
    audit: ['changes', 'all'],
    storage: ['indexeddb', 'memory'],
  })) {
    if (known.includes(config[name as 'audit' | 'storage'])) continue;
    throw new CuError('invalid-argument', `${name} must be one of: ${known.join(', ')}.`, { place: name });
  }
}
