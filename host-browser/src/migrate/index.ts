/**
 * Takes over what the module `cu` 2.1 left in IndexedDB: tables, values, and functions, whose bytecode passes the verifier.
 *
 * ```ts
 * import { open } from 'cu-db';
 * import { deleteOlder, inspect, migrate } from 'cu-db/migrate';
 *
 * const found = await inspect(); // looks only: { tables, documents, functions, problems }, or undefined
 * const db = await open('app');
 * const report = await migrate(db); // one transaction; the older database stays as it is
 * await deleteOlder(); // when you are sure
 * ```
 *
 * @module cu-db/migrate
 */
import type { Database } from '../database.ts';
import { MigrationError } from './errors.ts';
import { fill, type MigrationProgress, type MigrationReport } from './fill.ts';
import { type Keys, planOf } from './plan.ts';
import { OLDER_NAME, readStored } from './stored.ts';

export { MigrationError, type MigrationErrorCode, type MigrationProblem } from './errors.ts';
export type { MigrationProgress, MigrationReport } from './fill.ts';

export interface InspectOptions {
  /** The older database in IndexedDB; `LuaPersistentDB` by default. */
  readonly from?: string;
  /**
   * What keys that are numbers in decimal were, since the older module wrote `t[7]` and `t["7"]` alike: `integers`, the
   * default, or `texts`.
   */
  readonly keys?: Keys;
}

export interface MigrateOptions extends InspectOptions {
  /** Whether to go on without what can't be taken over, and to tell of it in the report; false by default. */
  readonly skipProblems?: boolean;
  /** Whether the database may hold something already, which stays unless it has the same table and key; false by default. */
  readonly merge?: boolean;
  /** Told now and then; a transaction that begins anew begins anew with this, too. */
  readonly onProgress?: (progress: MigrationProgress) => void;
}

/** What there is to take over, as far as can be told without writing; undefined if there is no older database. */
export async function inspect(options: InspectOptions = {}): Promise<MigrationReport | undefined> {
  const { from = OLDER_NAME, keys = 'integers' } = options;
  const stored = await readStored(from);
  if (stored === undefined) return undefined;
  const { tables, documents, functions, problems } = planOf(stored, keys);
  return { tables: tables.length, documents: documents.length, functions: functions.length, problems };
}

/**
 * Fills a database with what the older one holds, in one transaction. The older one is only read.
 *
 * Rejects with a `MigrationError`: `not-found`, `foreign`, `unavailable`, `unreadable`, `not-empty`, or `incomplete` with
 * the problems; or with a `CuError` of the database. Nothing was written then.
 */
export async function migrate(
  database: Pick<Database, 'transaction'>,
  options: MigrateOptions = {},
): Promise<MigrationReport> {
  const { from = OLDER_NAME, keys = 'integers', skipProblems = false, merge = false, onProgress } = options;
  const stored = await readStored(from);
  if (stored === undefined)
    throw new MigrationError('not-found', `There is no database "${from}" of the older module.`);
  const plan = planOf(stored, keys);
  return database.transaction(async (tx) => {
    if (!merge && (await tx.tables()).length > 0) {
      const message = 'The database holds something already; open an empty one, or pass merge: true.';
      throw new MigrationError('not-empty', message);
    }
    const report = await fill(plan, tx.raw, onProgress);
    if (report.problems.length > 0 && !skipProblems) {
      const [first] = report.problems;
      const message =
        `${report.problems.length} values can't be taken over, such as ${first!.path}: ${first!.reason}. ` +
        'Pass skipProblems: true to go on without them.';
      throw new MigrationError('incomplete', message, { problems: report.problems });
    }
    return report;
  });
}

/** Deletes the older database, with all that it holds. Resolves when it is gone, also if there was none. */
export function deleteOlder(from: string = OLDER_NAME): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(from);
    request.onsuccess = () => resolve();
    request.onerror = () => {
      reject(new MigrationError('unreadable', `The older database can't be deleted: ${request.error}`));
    };
  });
}
