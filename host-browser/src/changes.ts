/** The change feed: what each commit has done to documents, in order. */
import type { Decoded } from './cbor/decode.ts';
import type { Condition } from './query/conditions.ts';
import type { Cursor } from './query/queries.ts';
import type { Declared, DocumentOf, KeyOf } from './schema.ts';
import type { Key } from './types.ts';

/** What is kept of changes; everything has a default. */
export interface FeedSettings<Name = string> {
  /** The tables that are followed, whether they exist or not; all of them if absent. */
  readonly tables?: readonly Name[] | null;
  /** How many of the newest changes are kept at least; 100,000 by default. */
  readonly changes?: number;
  /** How many bytes they may take; 67,108,864 by default. */
  readonly bytes?: number;
}

/** What is kept, and how far it goes. */
export interface FeedInfo {
  readonly settings: FeedSettings;
  /** The number of the newest commit. */
  readonly newest: number;
  /** The first commit's number that can be gone on from. */
  readonly oldest: number;
  /** Now: where to go on for the changes to come. */
  readonly next: Cursor;
}

/** A place in the feed: a cursor that the feed gave, or the number of a commit. */
export type Position = Cursor | number;

/** One change of one document, or a table that was dropped. */
export interface FeedChange<T = Decoded, Name = string, K = Key> {
  /** The number of the commit. */
  readonly sequence: number;
  readonly table: Name;
  /** Absent if the table was dropped. */
  readonly key?: K;
  /** Absent if there was no document. */
  readonly before?: T;
  /** Absent if it was deleted. */
  readonly after?: T;
  /** The table was dropped, with all that was in it. */
  readonly dropped?: true;
  /** The place behind this change: what `after` takes to go on from here, also after a reload. */
  readonly cursor: Cursor;
}

/** A change in one of some tables; which one tells the types of key and documents. */
export type TableChange<Schema, Name extends string, T> = [T] extends [Declared]
  ? { [One in Name]: FeedChange<DocumentOf<Schema, One>, One, KeyOf<Schema, One>> }[Name]
  : FeedChange<T, Name>;

/** Which changes are wanted. */
export interface ChangeRequest<T = unknown, Name = string> {
  /** The place that they begin behind; by default now. */
  readonly after?: Position;
  /** Only changes in these tables. */
  readonly tables?: readonly Name[];
  /** Only documents that meet this before or after the change. */
  readonly where?: Condition<T> | null;
  /** How many of them at the most, or at once; 1,000 by default. */
  readonly limit?: number;
}

export interface SubscribeOptions<T = unknown, Name = string> extends ChangeRequest<T, Name> {
  /** Ends the subscription when it is raised. */
  readonly signal?: AbortSignal;
}

/** Some changes, oldest first. */
export interface ChangePage<T = Decoded, C = FeedChange<T>> {
  readonly changes: readonly C[];
  /** The place behind the page, also where it is empty. */
  readonly next: Cursor;
  /** Whether there may be more behind it already. */
  readonly more: boolean;
  /** The number of the newest commit. */
  readonly newest: number;
  /** The first commit's number that can be gone on from. */
  readonly oldest: number;
}
