/**
 * Live queries in Vue.
 *
 * @module cu-db/vue
 */
import { type ComputedRef, computed, type MaybeRefOrGetter, shallowRef, toValue, watch } from 'vue';
import { databaseOf, follow, keyOf, type LiveQuery, LOADING, NOTHING, type QueryState } from './source.ts';

export type { LiveQuery, QueryState } from './source.ts';

/** The members of a `QueryState`, each a reference. */
export type QueryRefs<R> = { readonly [Name in keyof QueryState<R>]: ComputedRef<QueryState<R>[Name]> };

/**
 * The rows of a query, which are kept up to date as long as the component, or the effect scope, is there. Given as a
 * function or a reference, the query begins again when it says something else. Without one there are no rows.
 *
 * ```ts
 * const age = ref(18);
 * const { rows, error, loading } = useQuery(() => db.table<User>('users').where('age', '>=', age.value));
 * ```
 */
export function useQuery<R>(query: MaybeRefOrGetter<LiveQuery<R> | null | undefined>): QueryRefs<R> {
  const state = shallowRef<QueryState<R>>(NOTHING);
  const asked = computed(() => toValue(query) ?? undefined);
  watch(
    [() => asked.value && keyOf(asked.value), () => asked.value && databaseOf(asked.value)],
    (_now, _before, onCleanup) => {
      state.value = asked.value === undefined ? NOTHING : LOADING;
      if (asked.value === undefined) return;
      onCleanup(
        follow(asked.value, (next) => {
          state.value = next;
        }),
      );
    },
    { immediate: true },
  );
  return {
    rows: computed(() => state.value.rows),
    error: computed(() => state.value.error),
    loading: computed(() => state.value.loading),
  };
}
