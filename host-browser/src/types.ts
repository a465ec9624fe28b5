/** The words of the typed API: keys, and what is told about tables and functions. */
import type { SignalOptions } from './options.ts';

/** The key of a document. Integers come before strings, strings before bytes. */
export type Key = number | bigint | string | Uint8Array;

export interface ScanOptions<K = Key> extends SignalOptions {
  /** The first key that belongs to it. */
  readonly start?: K;
  /** The first key that no longer belongs to it. */
  readonly end?: K;
  readonly backward?: boolean;
  /** At most so many documents. */
  readonly limit?: number;
}

export interface TableInfo {
  readonly name: string;
  readonly documents: number;
  readonly indexes: number;
}

export interface FunctionInfo {
  readonly table: string;
  readonly name: string;
  /** Bytes of source text, or of bytecode where there is no text. */
  readonly size: number;
  readonly bytecode: boolean;
  /** The names of the local variables around it that are kept. */
  readonly upvalues: readonly string[];
  /** The global names that it refers to, and paths from them. */
  readonly names: readonly string[];
  /** When it was persisted, in seconds since 1970. */
  readonly stored: number;
}

/** The calls of one function since the component's instance began. */
export interface FunctionStatistics {
  readonly table: string;
  readonly name: string;
  /** Calls that have ended, well or not. */
  readonly calls: number;
  /** Those that have failed. */
  readonly failures: number;
  /** Lua instructions of all calls. */
  readonly instructions: number;
  /** Time of all calls. */
  readonly milliseconds: number;
}

export interface Stats {
  /** Of the component. */
  readonly version: string;
  /** The release of Lua. */
  readonly lua: string;
  /** Of the stored format. */
  readonly format: number;
  readonly tables: number;
  readonly documents: number;
  readonly indexes: number;
  readonly functions: number;
  /** The results of queries that this page's instance of the component keeps. */
  readonly cache: {
    readonly entries: number;
    readonly bytes: number;
    /** How often one was asked for again. */
    readonly hits: number;
    /** How often one was worth keeping that was not there. */
    readonly misses: number;
  };
}
