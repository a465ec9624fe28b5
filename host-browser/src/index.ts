/**
 * Cu in the browser: a document database scripted in Lua, kept in IndexedDB.
 *
 * Start with `open`. The component does the work; this package stores bytes for it and gives it a
 * typed face.
 */

export type { ArchiveOptions, ArchiveProgress } from './archive.ts';
export type { Decoded } from './cbor/decode.ts';
export { decode } from './cbor/decode.ts';
export { encode } from './cbor/encode.ts';
export { CuFloat, CuFunctionRef, type Value } from './cbor/values.ts';
export { Database, open } from './database.ts';
export type { HostFunctions } from './engine/host.ts';
export { CuError, type ErrorCode, type ErrorInfo, type LimitName } from './errors.ts';
export type { HistogramPart, IndexOptions, IndexProgress, IndexStatistics } from './indexes.ts';
export type { CallOptions, Limits, LimitsInForce, OpenOptions } from './options.ts';
export type { Raw } from './raw.ts';
export type { Durability, StorageInfo } from './store/journal.ts';
export type {
  Change,
  Condition,
  FieldPath,
  FunctionInfo,
  FunctionStatistics,
  IndexDefinition,
  IndexField,
  IndexInfo,
  Key,
  Operation,
  Operator,
  Plan,
  Precondition,
  Query,
  ScanOptions,
  Selection,
  Sort,
  Stats,
  TableInfo,
} from './types.ts';
