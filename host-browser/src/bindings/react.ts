/**
 * Live queries in React.
 *
 * @module cu-db/react
 */
import { useEffect, useRef, useState } from 'react';
import { databaseOf, follow, keyOf, type LiveQuery, LOADING, NOTHING, type QueryState } from './source.ts';

export type { LiveQuery, QueryState } from './source.ts';

/**
 * The rows of a query, which are kept up to date as long as the component is there. The query may be put together anew
 * each time: it begins again only if it says something else. Without one there are no rows.
 *
 * ```tsx
 * function Adults({ db }: { db: Database }) {
 *   const { rows, error, loading } = useQuery(db.table<User>('users').where('age', '>=', 18));
 *   if (error) return <p>{String(error)}</p>;
 *   if (loading) return <p>…</p>;
 *   return <ul>{rows!.map(([key, { name }]) => <li key={String(key)}>{name}</li>)}</ul>;
 * }
 * ```
 */
export function useQuery<R>(query: LiveQuery<R> | null | undefined): QueryState<R> {
  const key = query ? keyOf(query) : undefined;
  const database = query ? databaseOf(query) : undefined;
  const latest = useRef(query);
  latest.current = query;
  const [told, setTold] = useState<{ key: string | undefined; database: unknown; state: QueryState<R> }>();
  useEffect(() => {
    if (key === undefined) return undefined;
    return follow(latest.current!, (state) => setTold({ key, database, state }));
  }, [key, database]);
  if (key === undefined) return NOTHING;
  // What was told of another query is not shown as this one's.
  return told !== undefined && told.key === key && told.database === database ? told.state : LOADING;
}
