/** What the source of a function is looked at for before it is kept. */
import type { Engine } from '../engine/engine.ts';
import { EnhancedLuaError } from './errors.ts';

const MAXIMUM_BYTES = 100 * 1024;

/** Global names that lead to a system, which there is none of behind the sandbox. */
const ABSENT = ['io', 'debug', 'package', 'dofile', 'loadfile'];
const ABSENT_MEMBERS = ['execute', 'exit', 'getenv', 'remove', 'rename', 'setlocale', 'tmpname'].map(
  (name) => `os.${name}`,
);

/** Refuses what can't be a function. */
export function checkFunctionSource(source: unknown): asserts source is string {
  if (typeof source !== 'string' || source.trim() === '') {
    throw new EnhancedLuaError('INVALID_FUNCTION_CODE', 'Function code must be a non-empty string');
  }
  const bytes = new TextEncoder().encode(source).length;
  if (bytes > MAXIMUM_BYTES) {
    throw new EnhancedLuaError('FUNCTION_TOO_LARGE', 'Function code exceeds 100KB limit', null, {
      bytes,
      maximum: MAXIMUM_BYTES,
    });
  }
  if (!/\bfunction\b/.test(source)) {
    throw new EnhancedLuaError('INVALID_FUNCTION_SYNTAX', 'Code does not appear to be a function');
  }
}

/** The names that a kept function uses and the sandbox does not have. */
export function unsafeNames(engine: Engine, table: string, name: string): string[] {
  const names = engine.functions.list(table).find((info) => info.name === name)?.names ?? [];
  return names.filter((used) => ABSENT.includes(used.split('.', 1)[0]!) || ABSENT_MEMBERS.includes(used));
}
