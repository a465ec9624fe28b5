/** The words of the typed API: keys, operations, queries, and what is told about tables and indexes. */
import type { Decoded } from './cbor/decode.ts';
import type { Value } from './cbor/values.ts';

/** The key of a document. Integers come before strings, strings before bytes. */
export type Key = number | bigint | string | Uint8Array;

/** An operation of a batch; `wit/database.wit` says what each does and returns. */
export type Operation =
  | {
      readonly op: 'put';
      readonly table: string;
      readonly key: Key;
      readonly value: Value;
      readonly if?: Precondition;
    }
  | { readonly op: 'insert'; readonly table: string; readonly key: Key; readonly value: Value }
  | { readonly op: 'get'; readonly table: string; readonly key: Key }
  | { readonly op: 'delete'; readonly table: string; readonly key: Key; readonly if?: Precondition }
  | ({ readonly op: 'delete'; readonly table: string } & Selection)
  | {
      readonly op: 'update';
      readonly table: string;
      readonly key: Key;
      readonly changes: readonly Change[];
      readonly if?: Precondition;
    }
  | ({ readonly op: 'update'; readonly table: string; readonly changes: readonly Change[] } & Selection)
  | { readonly op: 'query'; readonly query: Query };

/** What has to be at a key for an operation to take place. */
export type Precondition = 'exists' | 'absent' | Condition;

/** The documents that an operation changes together. */
export interface Selection {
  /** Null for all of the table. */
  readonly where: Condition | null;
  readonly sort?: Sort;
  readonly limit?: number;
}

/** A change of an update. */
export type Change =
  | {
      readonly op: 'set' | 'increment' | 'push' | 'remove';
      readonly field: FieldPath;
      readonly value: Value;
    }
  | { readonly op: 'unset'; readonly field: FieldPath }
  | { readonly op: 'merge'; readonly field?: FieldPath; readonly value: Value };

/** A path to a field: names between dots, or names and list positions from 1. */
export type FieldPath = string | readonly (string | number)[];

export type Condition =
  | { readonly field: FieldPath; readonly op: Operator; readonly value: Value }
  /** The paths of the inner condition begin at the elements of the list. */
  | { readonly field: FieldPath; readonly op: 'any' | 'all'; readonly value: Condition }
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
  | 'not in'
  | 'contains'
  | 'startsWith'
  | 'endsWith'
  | 'exists'
  | 'type'
  | 'matches';

/** What comes first: by the first field, among equals by the next. */
export type Sort = readonly (FieldPath | { readonly field: FieldPath; readonly descending?: boolean })[];

/** Which documents of a table are wanted; `wit/database.wit` has the rules. */
export interface Query {
  readonly table: string;
  readonly where?: Condition | null;
  readonly sort?: Sort;
  readonly limit?: number;
  readonly offset?: number;
  /** What of each document is wanted, in place of all of it: a map of these members. */
  readonly select?: readonly (FieldPath | { readonly field: FieldPath; readonly as: string })[];
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
  /** One to eight fields. */
  readonly fields: readonly (FieldPath | IndexField)[];
  readonly name?: string;
  readonly kind?: 'btree' | 'hash';
  /** No two documents have equal values. */
  readonly unique?: boolean;
  /** Documents without any of the fields are left out. */
  readonly sparse?: boolean;
}

export interface IndexField {
  readonly field: FieldPath;
  readonly descending?: boolean;
  /** A list has an entry for each of its elements. */
  readonly multiEntry?: boolean;
}

export interface IndexInfo {
  readonly name: string;
  /** As it was given, defaults filled in. As long as it is not ready, `build` says how far it is. */
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
  readonly access: 'scan' | 'index' | 'intersection' | 'union';
  /** The one index that is used; null if there are none or several. */
  readonly index: string | null;
  readonly indexes: readonly string[];
  readonly ranges: number;
  readonly filter: boolean;
  readonly sort: boolean;
  /** Whether groups are told from the index alone. */
  readonly covered: boolean;
  /** What could be walked instead. */
  readonly considered: readonly {
    readonly indexes: readonly string[];
    readonly entries?: number;
    readonly more?: boolean;
    /** Whether it is told from a sample. */
    readonly estimated?: boolean;
    readonly cost?: number;
  }[];
  /** With `analyze`: what was met, read and found. */
  readonly analysis?: { readonly entries: number; readonly documents: number; readonly rows: number };
  /** With `analyze`: microseconds of each step. */
  readonly time?: { readonly [step: string]: number };
  /** With `analyze`: whether `query` has the result already. */
  readonly cached?: boolean;
  /** With `text`: the same in lines for people. */
  readonly text?: string;
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
