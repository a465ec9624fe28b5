/** Batches: operations, and what comes of each; `wit/database.wit` has the rules. */
import type { Decoded } from './cbor/decode.ts';
import type { Value } from './cbor/values.ts';
import { CuError, type ErrorCode } from './errors.ts';
import type { Condition } from './query/conditions.ts';
import type { At, PathOf, TextPath } from './query/paths.ts';
import type { Query, RowsOf, Sort } from './query/queries.ts';
import type { AnySchema, DocumentOf, KeyOf, TableName } from './schema.ts';
import type { Durability } from './store/journal.ts';
import type { Key } from './types.ts';

/** What has to be at a key for an operation to take place. */
export type Precondition<T = unknown> = 'exists' | 'absent' | Condition<T>;

/** The documents that an operation changes together. */
export interface Selection<T = unknown> {
  /** Null for all of the table. */
  readonly where: Condition<T> | null;
  readonly sort?: Sort<T>;
  readonly limit?: number;
  readonly key?: never;
}

type Counted = number | bigint;

/** The changes of a field that is known, and of what is there. */
type ChangeOf<Path, V> =
  | { readonly op: 'set'; readonly field: Path; readonly value: unknown extends V ? Value : V }
  | (unknown extends V
      ? { readonly op: 'increment' | 'push' | 'remove'; readonly field: Path; readonly value: Value }
      : NonNullable<V> extends readonly (infer Element)[]
        ? { readonly op: 'push' | 'remove'; readonly field: Path; readonly value: Element }
        : NonNullable<V> extends Counted
          ? { readonly op: 'increment'; readonly field: Path; readonly value: Counted }
          : never);

/** A part of a document: its members replace those there, null deletes, maps are merged member by member. */
export type Patch<T> = unknown extends T
  ? { readonly [member: string]: Value }
  : {
      readonly [Name in keyof T]?:
        | (NonNullable<T[Name]> extends readonly unknown[] | Uint8Array
            ? T[Name]
            : NonNullable<T[Name]> extends object
              ? Patch<NonNullable<T[Name]>>
              : T[Name])
        | null;
    };

/** A change of an update. */
export type Change<T = unknown> =
  | (unknown extends T
      ? ChangeOf<PathOf<T>, unknown>
      :
          | { [Path in TextPath<T>]: ChangeOf<Path, At<T, Path>> }[TextPath<T>]
          | ChangeOf<readonly (string | number)[], unknown>)
  | { readonly op: 'unset'; readonly field: PathOf<T> }
  | { readonly op: 'merge'; readonly value: Patch<T> }
  | { readonly op: 'merge'; readonly field: PathOf<T>; readonly value: Value };

/** An operation of a batch, of a database with a schema or without one. */
export type Operation<Schema = AnySchema> =
  | {
      [Name in TableName<Schema>]: TableOperation<
        Name,
        DocumentOf<Schema, Name, unknown>,
        KeyOf<Schema, Name>
      >;
    }[TableName<Schema>]
  /** A persisted function. Its result is the first that the function returns. */
  | {
      readonly op: 'call';
      readonly table: string;
      readonly name: string;
      readonly arguments?: readonly Value[];
    };

type TableOperation<Name, T, K> =
  | {
      readonly op: 'put';
      readonly table: Name;
      readonly key: K;
      readonly value: Stored<T>;
      readonly if?: Precondition<T>;
    }
  | { readonly op: 'insert'; readonly table: Name; readonly key: K; readonly value: Stored<T> }
  | { readonly op: 'get'; readonly table: Name; readonly key: K }
  | {
      readonly op: 'delete';
      readonly table: Name;
      readonly key: K;
      readonly if?: Precondition<T>;
      readonly where?: never;
    }
  | ({ readonly op: 'delete'; readonly table: Name } & Selection<T>)
  | {
      readonly op: 'update';
      readonly table: Name;
      readonly key: K;
      readonly changes: readonly Change<T>[];
      readonly if?: Precondition<T>;
      readonly where?: never;
    }
  | ({ readonly op: 'update'; readonly table: Name; readonly changes: readonly Change<T>[] } & Selection<T>)
  | { readonly op: 'query'; readonly query: Query<T, Name> };

type Stored<T> = unknown extends T ? Value | object : T;

/** What comes of an operation. */
export type ResultOf<O, Schema = AnySchema> = O extends { readonly op: 'put' | 'insert' }
  ? null
  : O extends { readonly op: 'get'; readonly table: infer Name }
    ? unknown extends Schema
      ? Decoded
      : DocumentOf<Schema, Name> | null
    : O extends { readonly op: 'call' }
      ? Decoded
      : O extends { readonly op: 'query'; readonly query: infer Q }
        ? RowsOf<Q, Schema>
        : O extends { readonly op: 'update' | 'delete'; readonly key: Key }
          ? boolean
          : O extends { readonly op: 'update' | 'delete' }
            ? number
            : never;

/** What comes of the operations, in their order. */
export type Results<Operations extends readonly unknown[], Schema = AnySchema> = {
  -readonly [Index in keyof Operations]: ResultOf<Operations[Index], Schema>;
};

/** What comes of an operation that stands for itself. One that failed has changed nothing. */
export type Outcome<R> =
  | { readonly result: R; readonly error?: never }
  | { readonly error: CuError; readonly result?: never };

/** What comes of operations that stand for themselves, in their order. */
export type Outcomes<Operations extends readonly unknown[], Schema = AnySchema> = {
  -readonly [Index in keyof Operations]: Outcome<ResultOf<Operations[Index], Schema>>;
};

/** How far a large batch is. */
export interface BatchProgress {
  /** How many operations have been applied. */
  readonly done: number;
  /** How many there are; undefined where only their end tells. */
  readonly total: number | undefined;
  /** With `commit`, all are applied and are being made durable. */
  readonly phase: 'apply' | 'commit';
}

export interface BatchOptions {
  /** `atomic`, the default, or `best-effort`. */
  readonly mode?: 'atomic' | 'best-effort';
  /** How durable the commit is; by default as the database's are. */
  readonly durability?: Durability;
}

/**
 * With `chunk`, `onProgress` or `durability`, a batch is applied in chunks, with the page's turn between them, and so it is with a signal if it is
 * longer than a chunk. It is still one transaction.
 */
export interface StreamOptions extends BatchOptions {
  /** How many operations a chunk has; 1,000 by default. */
  readonly chunk?: number;
  /** Told after each chunk, and before the commit. */
  readonly onProgress?: (progress: BatchProgress) => void;
  /** Ends the batch, which then rejects with `cancelled`, with nothing written. */
  readonly signal?: AbortSignal | undefined;
}

interface ComponentOutcome {
  readonly result?: Decoded;
  readonly error?: { readonly code: ErrorCode; readonly place: string; readonly message: string };
}

/** An outcome as the component gives it, with an error that can be thrown. */
export function outcomeOf({ result, error }: ComponentOutcome): Outcome<unknown> {
  if (error === undefined) return { result };
  return { error: new CuError(error.code, error.message, { place: error.place }) };
}
