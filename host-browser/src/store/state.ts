/** One state of a database: what it holds, and the number of the commit that made it so. */
import { Mirror } from './mirror.ts';
import type { LogRecord } from './record.ts';

export interface State {
  readonly mirror: Mirror;
  readonly version: number;
}

export const emptyState: State = { mirror: Mirror.empty, version: 0 };

/** The state after the records; undefined if a commit between them and the state is missing. */
export function advance(state: State, records: readonly LogRecord[]): State | undefined {
  let { mirror, version } = state;
  for (const record of records) {
    if (record.version <= version) continue;
    if (record.first > version + 1) return undefined;
    for (const run of record.runs) mirror = mirror.apply(run);
    version = record.version;
  }
  return { mirror, version };
}
