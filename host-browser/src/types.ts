/** The words of the typed API: keys, operations, queries, and what is told about tables and indexes. */
import type { Decoded } from './cbor/decode.ts';
import type { Value } from './cbor/values.ts';

/** The key of a document. Integers come before strings, strings before bytes. */
export type Key = number | bigint | string | Uint8Array;

/** An operation of a batch. */
export type Operation =
  | { readonly op: 'put'; readonly table: string; readonly key: Key; readonly value: Value }
  | { readonly op: 'get' | 'delete'; readonly table: string; readonly key: Key };

/** A path to a field: names between dots, or names and list positions from 1. */
export type FieldPath = string | readonly (string | number)[];

export type Condition =
  | { readonly field: FieldPath; readonly op: Operator; readonly value: Value }
  | { readonly and: readonly Condition[] }
  | { readonly or: readonly Condition[] }
  | { readonly not: Condition };

export type Operator =
  | '='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'between'
  | 'in'
  | 'contains'
  | 'startsWith'
  | 'endsWith';

/** Which documents of a table are wanted; `wit/database.wit` has the rules. */
export interface Query {
  readonly table: string;
  readonly where?: Condition | null;
  readonly sort?: readonly (FieldPath | { readonly field: FieldPath; readonly descending?: boolean })[];
  readonly limit?: number;
  readonly offset?: number;
}

export interface ScanOptions {
  /** The first key that belongs to it. */
  readonly start?: Key;
  /** The first key that no longer belongs to it. */
  readonly end?: Key;
  readonly backward?: boolean;
  /** At most so many documents. */
  readonly limit?: number;
}

export interface IndexDefinition {
  /** One to eight field paths. */
  readonly fields: readonly FieldPath[];
  readonly name?: string;
  readonly kind?: 'btree';
}

export interface IndexInfo {
  readonly name: string;
  readonly definition: Decoded;
  readonly entries: number;
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

/** How `query` would find its documents. */
export interface Plan {
  readonly access: 'scan' | 'index' | 'key';
  readonly index: string | null;
  readonly ranges: number;
  readonly filter: boolean;
  readonly sort: boolean;
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
}
