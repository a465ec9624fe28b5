/**
 * Live queries in Svelte.
 *
 * @module cu-db/svelte
 */
import { type Readable, readable } from 'svelte/store';
import { follow, type LiveQuery, LOADING, type QueryState } from './source.ts';

export type { LiveQuery, QueryState } from './source.ts';

/**
 * A store with the rows of a query, which are kept up to date as long as someone has subscribed to it.
 *
 * ```svelte
 * <script>
 *   import { queryStore } from 'cu-db/svelte';
 *
 *   const adults = queryStore(db.table('users').where('age', '>=', 18));
 * </script>
 *
 * {#each $adults.rows ?? [] as [key, { name }] (key)}<li>{name}</li>{/each}
 * ```
 */
export function queryStore<R>(query: LiveQuery<R>): Readable<QueryState<R>> {
  return readable<QueryState<R>>(LOADING, (set) => follow(query, set));
}
