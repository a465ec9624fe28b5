/**
 * The interface that was announced as Cu's enhanced module, over the database of this package.
 *
 * `docs/compatibility.md` says of each name what it does here. New programs are better off with `open` of `cu-db`.
 *
 * @module cu-db/enhanced
 */
export { AUDIT_TABLE, type AuditEntry } from './audit.ts';
export type { EnhancedConfig, EnhancedOptions } from './config.ts';
export {
  EnhancedCuWASM,
  EnhancedCuWASM as EnhancedLuaWASM,
  EnhancedCuWASM as default,
  type EnhancedMemoryStats,
  type PersistOptions,
} from './database.ts';
export {
  type EnhancedErrorCode,
  type EnhancedErrorDetails,
  EnhancedLuaError,
  EnhancedLuaError as EnhancedCuError,
} from './errors.ts';
export type { EnhancedIndex, IndexType } from './indexes.ts';
export type { OperationResult, TableOperation } from './operations.ts';
export type { EnhancedOperator, EnhancedQuery } from './query.ts';
