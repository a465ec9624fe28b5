/** Queries and what they return; `wit/database.wit` has the rules. */
import type { Decoded } from '../cbor/decode.ts';
import type { Key } from '../types.ts';
import type { Condition } from './conditions.ts';
import type { FieldPath, PathOf } from './paths.ts';

/** What comes first: by the first field, among equals by the next. */
export type Sort<T = unknown> = readonly (
  | PathOf<T>
  | { readonly field: PathOf<T>; readonly descending?: boolean }
)[];

/** The members of a row: paths, or paths with the name that each gets. */
export type Columns<T = unknown> = readonly (
  | PathOf<T>
  | { readonly field: PathOf<T>; readonly as: string }
)[];

/** A row that is no document. */
export type Row = { [member: string]: Decoded };

/** A key and its document. */
export type Keyed<T = Decoded> = [key: Key, document: T];

/** The place of a row, as `Page.next` gives it. Only Cu can read it. */
export type Cursor = Uint8Array;

interface Common<T> {
  readonly table: string;
  readonly where?: Condition<T> | null;
  readonly limit?: number;
  readonly offset?: number;
  /** For `explain`: whether the query is run and what it met is told. */
  readonly analyze?: boolean;
}

/** A query for documents. */
export interface DocumentQuery<T = unknown> extends Common<T> {
  readonly sort?: Sort<T>;
  /** The `next` of a page: the rows begin behind it. */
  readonly after?: Cursor;
  readonly select?: never;
  readonly distinct?: false;
  readonly groupBy?: never;
  readonly aggregate?: never;
  readonly having?: never;
}

/** A query for parts of documents. */
export interface ProjectionQuery<T = unknown> extends Omit<DocumentQuery<T>, 'select'> {
  /** What of each document is wanted, in place of all of it: a map of these members. */
  readonly select: Columns<T>;
}

/** What is told of the documents of a group. */
export type Aggregate<T = unknown> =
  | { readonly op: 'count'; readonly field?: PathOf<T> }
  | { readonly op: 'sum' | 'avg' | 'min' | 'max'; readonly field: PathOf<T> };

export interface Aggregates<T = unknown> {
  readonly [name: string]: Aggregate<T>;
}

interface RowQuery<T> extends Common<T> {
  /** By members of the rows. */
  readonly sort?: Sort;
  /** On members of the rows. */
  readonly having?: Condition;
  readonly after?: never;
}

/** A query for the different combinations of some members. */
export interface DistinctQuery<T = unknown> extends RowQuery<T> {
  readonly select: Columns<T>;
  readonly distinct: true;
  readonly groupBy?: never;
  readonly aggregate?: never;
}

interface GroupMembers<T> extends RowQuery<T> {
  readonly select?: never;
  readonly distinct?: false;
  readonly groupBy?: Columns<T>;
  readonly aggregate?: Aggregates<T>;
}

/** A query for groups of documents: by some members, or with one row for all. */
export type GroupQuery<T = unknown> = GroupMembers<T> &
  ({ readonly groupBy: Columns<T> } | { readonly aggregate: Aggregates<T> });

/** Any query. */
export type Query<T = unknown> = DocumentQuery<T> | ProjectionQuery<T> | DistinctQuery<T> | GroupQuery<T>;

/** What `query` returns for a query. */
export type RowsOf<Q, T = Decoded> = Q extends { readonly distinct: true }
  ? Row[]
  : Q extends { readonly groupBy: readonly unknown[] } | { readonly aggregate: object }
    ? Row[]
    : Q extends { readonly select: readonly unknown[] }
      ? Keyed<Row>[]
      : Keyed<T>[];

/** Some rows of a query. */
export interface Page<R> {
  readonly rows: R[];
  /** Where the next page begins; undefined if this was the last one. It stays right while others write. */
  readonly next: Cursor | undefined;
}

export interface IterateOptions {
  /** How many rows are fetched at once; 1,000 by default. */
  readonly pageSize?: number;
}

/** How a query would find its documents. */
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
    /** Whether that is told from a sample. */
    readonly estimated?: boolean;
    readonly cost?: number;
  }[];
  /** With `analyze`: what the query met. */
  readonly analysis?: { readonly entries: number; readonly documents: number; readonly rows: number };
}

/** The fields of an index. */
export interface IndexField<T = unknown> {
  readonly field: PathOf<T>;
  readonly descending?: boolean;
  /** A list has an entry for each of its elements. */
  readonly multiEntry?: boolean;
}

interface IndexMembers {
  readonly name?: string;
  /** No two documents have equal values. */
  readonly unique?: boolean;
  /** Documents without any of the fields are left out. */
  readonly sparse?: boolean;
}

export type IndexDefinition<T = unknown> = IndexMembers &
  (
    | { readonly kind?: 'btree'; readonly fields: readonly (PathOf<T> | IndexField<T>)[] }
    /** For values of any length that are only ever asked for by `=` and `in`, and all of them together. */
    | { readonly kind: 'hash'; readonly fields: readonly (PathOf<T> | { readonly field: PathOf<T> })[] }
    /** By what a persisted function returns for the document. */
    | {
        readonly kind?: 'btree' | 'hash';
        readonly function: { readonly table: string; readonly name: string };
      }
  );

/**
 * A definition as the database keeps it: with name and kind, flags only where they are true. As long as the index is
 * not ready, `build` says how far it is.
 */
export type StoredIndexDefinition = IndexMembers & {
  readonly name: string;
  readonly kind: 'btree' | 'hash';
  readonly fields?: readonly (FieldPath | IndexField)[];
  readonly function?: { readonly table: string; readonly name: string };
  readonly build?: { readonly phase: 'building' | 'removing'; readonly done: number; readonly total: number };
};

export interface IndexInfo {
  readonly name: string;
  readonly definition: StoredIndexDefinition;
  readonly entries: number;
}
