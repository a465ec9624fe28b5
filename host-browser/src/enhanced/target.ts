/** Names of tables as callers give them: those of `_home`, also by its older name. */
import { EnhancedLuaError } from './errors.ts';

export const HOME = '_home';

/** The name that the database has for a table. */
export function tableName(table: unknown, message = 'A valid table name is needed'): string {
  if (typeof table !== 'string' || table === '') throw new EnhancedLuaError('INVALID_TABLE_NAME', message);
  return table === 'Memory' ? HOME : table;
}

/**
 * The table and the field that are meant. Of `_home`, the first step of a field is a table: `users.age` of `_home` is `age`
 * of `users`.
 */
export function tableAndField(
  table: unknown,
  field: string,
  inner?: unknown,
): { table: string; field: string } {
  const outer = tableName(table);
  if (outer !== HOME) return { table: outer, field };
  if (inner !== undefined) return { table: tableName(inner), field };
  const dot = field.indexOf('.');
  return dot < 0 ? { table: outer, field } : { table: field.slice(0, dot), field: field.slice(dot + 1) };
}
