/** The answer to a query: rows as a table, as JSON and on a map, and the plan. */
import { signal } from '@preact/signals';
import { toJson } from '../base/json.ts';
import { count, milliseconds, plural } from '../ui/format.ts';
import { GridView } from '../ui/grid.tsx';
import { Tabs } from '../ui/tabs.tsx';
import { MapView } from './map.tsx';
import { PlanView } from './plan.tsx';
import { type Answer, answer } from './state.ts';

/** How many rows are shown as JSON. */
const MOST_JSON = 500;

const view = signal('table');

export function AnswerView() {
  const found = answer.value;
  if (found === undefined) {
    return <p class="empty">Run a query for its rows, its plan, and a map if the documents have places.</p>;
  }
  const { query, rows, plan, milliseconds: time } = found;
  return (
    <>
      <p class="state" role="status">
        {plural(rows.length, 'row')} in {milliseconds(time)}
        {plan.cached && ', kept from before'}.
      </p>
      <Tabs
        label="Answer as"
        selected={view.value}
        onSelect={(id) => (view.value = id)}
        tabs={[
          { id: 'table', title: 'Table', content: () => <GridView label="Rows" values={rows} /> },
          { id: 'json', title: 'JSON', content: () => <JsonView rows={rows} /> },
          { id: 'map', title: 'Map', content: () => <MapView table={query.table} rows={rows} /> },
          { id: 'plan', title: 'Plan', content: () => <PlanView table={query.table} plan={plan} /> },
        ]}
      />
    </>
  );
}

function JsonView({ rows }: Pick<Answer, 'rows'>) {
  const shown = rows.slice(0, MOST_JSON);
  return (
    <>
      <pre class="json">{toJson(shown, 2)}</pre>
      {rows.length > MOST_JSON && (
        <p class="hint">
          These are the first {MOST_JSON} of {count(rows.length)}.
        </p>
      )}
    </>
  );
}
