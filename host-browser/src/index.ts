/**
 * Cu in the browser: a document database scripted in Lua, kept in IndexedDB.
 *
 * Start with `open`. The component does the work; this package stores bytes for it and gives it a
 * typed face.
 *
 * @module cu-db
 */

export type { ArchiveOptions, ArchiveProgress } from './archive.ts';
export type {
  BatchOptions,
  BatchProgress,
  Change,
  Operation,
  Outcome,
  Outcomes,
  Patch,
  Precondition,
  ResultOf,
  Results,
  Selection,
  StreamOptions,
} from './batch.ts';
export type { Calls, RetryOptions, TransactionOptions } from './calls.ts';
export type { Decoded } from './cbor/decode.ts';
export { decode } from './cbor/decode.ts';
export { encode } from './cbor/encode.ts';
export { CuFloat, CuFunctionRef, type Storable, type Value } from './cbor/values.ts';
export type {
  ChangePage,
  ChangeRequest,
  FeedChange,
  FeedInfo,
  FeedSettings,
  Position,
  SubscribeOptions,
  TableChange,
} from './changes.ts';
export { Database, open } from './database.ts';
export type { HostFunctions } from './engine/host.ts';
export { CuError, type ErrorCode, type ErrorInfo, type LimitName } from './errors.ts';
export type { HistogramPart, IndexOptions, IndexProgress, IndexStatistics } from './indexes.ts';
export type { Live, LiveOptions } from './live.ts';
export type { LuaCalls } from './lua.ts';
export type { CallOptions, Limits, LimitsInForce, OpenOptions, SignalOptions } from './options.ts';
export type { Documents, ExplainOptions, Groups, Ordering, Rows } from './query/builder.ts';
export type { Condition, LuaPredicate, Operator, Range, TypeName } from './query/conditions.ts';
export type { FieldPath, PathOf } from './query/paths.ts';
export type {
  Aggregate,
  Aggregated,
  Aggregates,
  Columns,
  Cursor,
  DistinctQuery,
  DocumentQuery,
  Grouped,
  GroupQuery,
  IndexDefinition,
  IndexField,
  IndexInfo,
  IterateOptions,
  Keyed,
  Page,
  Plan,
  Projected,
  ProjectionQuery,
  Query,
  Row,
  RowsOf,
  Selected,
  Sort,
  StoredIndexDefinition,
} from './query/queries.ts';
export type { Raw } from './raw.ts';
export type { AnySchema, Declared, Document, DocumentOf, KeyOf, Table, TableName } from './schema.ts';
export type { Durability, StorageInfo } from './store/journal.ts';
export type { StorageRoom } from './store/room.ts';
export type { Savepoint, Transaction } from './transaction.ts';
export type { FunctionInfo, FunctionStatistics, Key, ScanOptions, Stats, TableInfo } from './types.ts';
