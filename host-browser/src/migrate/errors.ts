/** What a migration fails with. */

export type MigrationErrorCode =
  /** There is no database of the older module. */
  | 'not-found'
  /** The database of that name is something else's. */
  | 'foreign'
  /** There is no IndexedDB. */
  | 'unavailable'
  /** IndexedDB can't read the older database. */
  | 'unreadable'
  /** The database that is to be filled holds something. */
  | 'not-empty'
  /** Not everything can be taken over; `problems` has what. Nothing was written. */
  | 'incomplete';

/** Something that can't be taken over. */
export interface MigrationProblem {
  /** Where it was: `_home.users.ada.friend`. */
  readonly path: string;
  readonly reason: string;
}

export class MigrationError extends Error {
  override readonly name = 'MigrationError';
  readonly code: MigrationErrorCode;
  readonly problems: readonly MigrationProblem[];

  static {
    // Minifying renames the class, and consoles show the class.
    Object.defineProperty(MigrationError, 'name', { value: 'MigrationError' });
  }

  constructor(
    code: MigrationErrorCode,
    message: string,
    { problems = [], cause }: { problems?: readonly MigrationProblem[]; cause?: unknown } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.problems = problems;
  }
}
