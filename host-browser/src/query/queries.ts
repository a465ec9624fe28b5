/** Queries and what they return; `wit/database.wit` has the rules. */
import type { Decoded } from '../cbor/decode.ts';
import type { SignalOptions } from '../options.ts';
import type { AnySchema, DocumentOf, KeyOf } from '../schema.ts';
import type { Key } from '../types.ts';
import type { Condition } from './conditions.ts';
import type { At, FieldPath, IsLoose, PathOf, Reached } from './paths.ts';

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
export type Keyed<T = Decoded, K = Key> = [key: K, document: T];

/** The place of a row, as `Page.next` gives it. Only Cu can read it. */
export type Cursor = Uint8Array;

interface Common<T, Name> {
  readonly table: Name;
  readonly where?: Condition<T> | null;
  readonly limit?: number;
  readonly offset?: number;
  /** For `explain`: whether the query is run and what it met is told. */
  readonly analyze?: boolean;
  /** For `explain`: whether the plan is told in lines for people, too. */
  readonly text?: boolean;
}

/** A query for documents. */
export interface DocumentQuery<T = unknown, Name = string> extends Common<T, Name> {
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
export interface ProjectionQuery<T = unknown, Name = string, Selects = Columns<T>>
  extends Omit<DocumentQuery<T, Name>, 'select'> {
  /** What of each document is wanted, in place of all of it: a map of these members. */
  readonly select: Selects;
}

/** What is told of the documents of a group. */
export type Aggregate<T = unknown> =
  | { readonly op: 'count'; readonly field?: PathOf<T> }
  | { readonly op: 'sum' | 'avg' | 'min' | 'max'; readonly field: PathOf<T> };

export interface Aggregates<T = unknown> {
  readonly [name: string]: Aggregate<T>;
}

interface RowQuery<T, Name> extends Common<T, Name> {
  /** By members of the rows. */
  readonly sort?: Sort;
  /** On members of the rows. */
  readonly having?: Condition;
  readonly after?: never;
}

/** A query for the different combinations of some members. */
export interface DistinctQuery<T = unknown, Name = string, Selects = Columns<T>> extends RowQuery<T, Name> {
  readonly select: Selects;
  readonly distinct: true;
  readonly groupBy?: never;
  readonly aggregate?: never;
}

interface GroupMembers<T, Name, Groups, Tells> extends RowQuery<T, Name> {
  readonly select?: never;
  readonly distinct?: false;
  readonly groupBy?: Groups;
  readonly aggregate?: Tells;
}

/** A query for groups of documents: by some members, or with one row for all. */
export type GroupQuery<T = unknown, Name = string, Groups = Columns<T>, Tells = Aggregates<T>> = GroupMembers<
  T,
  Name,
  Groups,
  Tells
> &
  ({ readonly groupBy: Groups } | { readonly aggregate: Tells });

/** Any query. */
export type Query<T = unknown, Name = string> =
  | DocumentQuery<T, Name>
  | ProjectionQuery<T, Name>
  | DistinctQuery<T, Name>
  | GroupQuery<T, Name>;

/** The members of a row, by the paths or the names that they were asked for with. What is absent or null is left out. */
export type Selected<T, Columns> = Merged<
  { [Name in SureColumn<T, Columns>]: NonNullable<At<T, Columns[Name]>> } & {
    [Name in Exclude<keyof Columns & string, SureColumn<T, Columns>>]?: NonNullable<At<T, Columns[Name]>>;
  }
>;

type SureColumn<T, Columns> = {
  [Name in keyof Columns & string]: IsSure<Reached<T, Columns[Name]>> extends true ? Name : never;
}[keyof Columns & string];

type IsSure<V> = unknown extends V ? false : [Extract<V, null | undefined>] extends [never] ? true : false;

type Merged<T> = { [Name in keyof T]: T[Name] };

/** What aggregates give: counts and sums always, the others where something has a value. */
export type Aggregated<T, A> = {
  -readonly [Name in keyof A as A[Name] extends { readonly op: 'count' | 'sum' }
    ? Name
    : never]: A[Name] extends {
    readonly op: 'count';
  }
    ? number
    : number | bigint;
} & {
  -readonly [Name in keyof A as A[Name] extends { readonly op: 'count' | 'sum' }
    ? never
    : Name]?: A[Name] extends {
    readonly op: 'avg';
  }
    ? number
    : A[Name] extends { readonly field: infer Path }
      ? NonNullable<At<T, Path>>
      : never;
};

/** The row of columns that are written out; of others, and of documents that nobody knows, any row. */
export type Projected<T, Selects> =
  IsLoose<T> extends true ? Row : IsWritten<Selects> extends true ? Selected<T, Written<Selects>> : Row;

/** The row of a group, as far as groups and aggregates are written out. */
export type Grouped<T, Groups, Tells> =
  IsLoose<T> extends true
    ? Row
    : IsWritten<Groups> extends true
      ? string extends keyof Tells
        ? Selected<T, Written<Groups>>
        : Merged<Selected<T, Written<Groups>> & Aggregated<T, Tells>>
      : string extends keyof Tells
        ? Row
        : Merged<Aggregated<T, Tells>>;

/** A list of an unknown length is some columns, and not these. */
type IsWritten<Selects> = Selects extends readonly unknown[]
  ? number extends Selects['length']
    ? false
    : true
  : false;

type Written<Selects> = Selects extends readonly (infer Column)[]
  ? {
      [C in Column as C extends { readonly as: infer Name extends string }
        ? Name
        : C extends string
          ? C
          : never]: C extends { readonly field: infer Path } ? Path : C;
    }
  : never;

/** What `query` returns for a query of a database with a schema, or without one. */
export type RowsOf<Q, Schema = AnySchema> = Q extends { readonly table: infer Name }
  ? RowsIn<Q, DocumentOf<Schema, Name>, KeyOf<Schema, Name>>
  : never;

type RowsIn<Q, T, K> = Q extends { readonly distinct: true; readonly select: infer Selects }
  ? Projected<T, Selects>[]
  : Q extends { readonly groupBy: infer Groups; readonly aggregate: infer Tells }
    ? Grouped<T, Groups, Tells>[]
    : Q extends { readonly groupBy: infer Groups }
      ? Projected<T, Groups>[]
      : Q extends { readonly aggregate: infer Tells }
        ? Grouped<T, never[], Tells>[]
        : Q extends { readonly select: infer Selects }
          ? Keyed<Projected<T, Selects>, K>[]
          : Keyed<T, K>[];

/** Some rows of a query. */
export interface Page<R> {
  readonly rows: R[];
  /** Where the next page begins; undefined if this was the last one. It stays right while others write. */
  readonly next: Cursor | undefined;
}

export interface IterateOptions extends SignalOptions {
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
  /** With `analyze`: how many microseconds each step took. */
  readonly time?: {
    readonly plan: number;
    /** Gathering keys from indexes. */
    readonly keys: number;
    /** Fetching documents. */
    readonly documents: number;
    readonly sort: number;
    /** Walking and testing. */
    readonly rest: number;
  };
  /** With `analyze`: whether `query` has the result already. */
  readonly cached?: boolean;
  /** With `text`: all of it in lines for people. */
  readonly text?: string;
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
