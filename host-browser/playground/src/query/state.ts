/** The query that is put together, and what came of the last run. */
import { computed, signal } from '@preact/signals';
import { CuError, type Plan, type Query } from 'cu-db';
import { fromJson, isMap, toJson } from '../base/json.ts';
import { read, tables } from '../base/session.ts';
import { type Form, formOf, NEW_LINE, queryOf } from './form.ts';

export interface Answer {
  readonly query: Query;
  readonly rows: readonly unknown[];
  readonly plan: Plan;
  readonly milliseconds: number;
}

export const mode = signal<'form' | 'json'>('form');
export const form = signal<Form>({ table: '', join: 'and', lines: [NEW_LINE], sort: '', limit: '100' });
export const text = signal('');
export const answer = signal<Answer | undefined>(undefined);
export const problem = signal<unknown>(undefined);
export const busy = signal(false);

/** The table that the form asks: the chosen one, or the first that is no `_home`. */
export const asked = computed(() => {
  const names = tables.value.map(({ name }) => name);
  return (
    names.find((name) => name === form.value.table) ??
    names.find((name) => name !== '_home') ??
    names[0] ??
    ''
  );
});

export function change(members: Partial<Form>): void {
  form.value = { ...form.value, ...members };
}

/** From the form to JSON and back, with what was said; false if a form can't say it. */
export function setMode(next: 'form' | 'json'): boolean {
  problem.value = undefined;
  if (next === mode.value) return true;
  try {
    if (next === 'json') {
      text.value = toJson(queryOf({ ...form.value, table: asked.value }), 2);
    } else {
      const said = formOf(fromJson(text.value));
      if (said === undefined) {
        throw new CuError('invalid-query', 'The form has no place for all of this query; go on in JSON.');
      }
      form.value = said.lines.length > 0 ? said : { ...said, lines: [NEW_LINE] };
    }
  } catch (error) {
    problem.value = error;
    return false;
  }
  mode.value = next;
  return true;
}

function said(): Query {
  if (mode.value === 'form') return queryOf({ ...form.value, table: asked.value });
  const query = fromJson(text.value);
  if (!isMap(query)) throw new CuError('invalid-query', 'A query is a JSON object with a table.');
  return query as unknown as Query;
}

/** Runs the query, and has its plan told. */
export async function run(): Promise<void> {
  busy.value = true;
  problem.value = undefined;
  try {
    const query = said();
    // First, since a result that is kept would be quicker than the plan says.
    const plan = await read((db) => db.explain({ ...query, analyze: true } as Query));
    const start = performance.now();
    const rows = await read((db) => db.query(query));
    answer.value = { query, rows, plan, milliseconds: performance.now() - start };
  } catch (error) {
    problem.value = error;
    answer.value = undefined;
  } finally {
    busy.value = false;
  }
}
