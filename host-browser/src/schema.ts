/** The types of a database's tables, as `open` is told them. Nothing of it is there at run time. */
import type { Decoded } from './cbor/decode.ts';
import type { IsLoose } from './query/paths.ts';
import type { Key } from './types.ts';

declare const DOCUMENT: unique symbol;
declare const KEY: unique symbol;
declare const DECLARED: unique symbol;

/**
 * In a schema, a table whose keys have a type, too. The type of its documents alone stands for a table with any keys, and `unknown` for
 * one with any documents.
 *
 * ```ts
 * interface Shop {
 *   users: User;
 *   orders: Table<Order, number>;
 *   tools: unknown;
 * }
 * const db = await open<Shop>('shop');
 * ```
 */
export interface Table<Document, DocumentKey extends Key = Key> {
  readonly [DOCUMENT]: Document;
  readonly [KEY]: DocumentKey;
}

/**
 * The schema of a database that has none: any names, keys and documents. It is `any`, so that code which knows no schema, and takes a `Database`,
 * takes each.
 */
// biome-ignore lint/suspicious/noExplicitAny: see above; `unknown` would refuse databases with a schema.
export type AnySchema = any;

/** Stands where a call names no type of documents: they are what the schema says of the table. */
export interface Declared {
  readonly [DECLARED]: never;
}

/** The names of tables: any, where there is no schema. */
export type TableName<Schema> = unknown extends Schema ? string : keyof Schema & string;

/** The keys of a table. */
export type KeyOf<Schema, Name> = unknown extends Schema
  ? Key
  : Name extends keyof Schema
    ? Schema[Name] extends Table<unknown, infer DocumentKey>
      ? DocumentKey
      : Key
    : never;

/** The documents of a table; `Any` where the schema does not say. */
export type DocumentOf<Schema, Name, Any = Decoded> = unknown extends Schema
  ? Any
  : Name extends keyof Schema
    ? Schema[Name] extends Table<infer Document, Key>
      ? Loose<Document, Any>
      : Loose<Schema[Name], Any>
    : never;

type Loose<Document, Any> = IsLoose<Document> extends true ? Any : Document;

/** The documents of a table for a call that has named a type, or has not. What it has named counts. */
export type Document<Schema, Name, T, Any = Decoded> = [T] extends [Declared]
  ? DocumentOf<Schema, Name, Any>
  : T;
