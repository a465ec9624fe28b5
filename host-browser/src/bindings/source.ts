/** What the bindings for frameworks have in common. */
import { encode } from '../cbor/encode.ts';
import type { Value } from '../cbor/values.ts';
import type { Live, LiveOptions } from '../live.ts';

/** A query that has live results, such as those that begin with `db.table`. */
export interface LiveQuery<R> {
  /** The query as data. */
  readonly query: unknown;
  live(options?: LiveOptions): Live<R>;
}

/** What a live query has come to. */
export interface QueryState<R> {
  /** The newest rows; undefined until there are any. */
  readonly rows: readonly R[] | undefined;
  /** What went wrong; there are no new rows after that. */
  readonly error: unknown;
  /** Whether the first result is on its way. */
  readonly loading: boolean;
}

/** The state of a query that has begun. */
export const LOADING: QueryState<never> = { rows: undefined, error: undefined, loading: true };

/** The state where there is no query. */
export const NOTHING: QueryState<never> = { rows: undefined, error: undefined, loading: false };

/** A text that is the same for queries that say the same: components put their queries together anew each time. */
export function keyOf(query: LiveQuery<unknown>): string {
  return String(encode(query.query as Value, 'query'));
}

/** The database that a query asks. */
export function databaseOf(query: LiveQuery<unknown>): unknown {
  return (query as { readonly runner?: unknown }).runner;
}

/** Tells each state of a query, from its first result on, until the function that it gives is called. */
export function follow<R>(query: LiveQuery<R>, tell: (state: QueryState<R>) => void): () => void {
  let rows: readonly R[] | undefined;
  return query.live().onChange(
    (newest) => {
      rows = newest;
      tell({ rows, error: undefined, loading: false });
    },
    (error) => tell({ rows, error, loading: false }),
  );
}
