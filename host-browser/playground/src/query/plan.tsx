/** A query's plan as a tree: rows at the top, what they come from below, and what was considered instead. */
import type { Plan } from 'cu-db';
import { count, plural } from '../ui/format.ts';

interface Step {
  readonly title: string;
  readonly detail: string;
  /** Microseconds of its own. */
  readonly time?: number | undefined;
  readonly sources: readonly Step[];
}

/** The steps of a plan, from the last one down. */
export function stepsOf(plan: Plan, table: string): Step {
  const { analysis, time } = plan;
  let step = accessOf(plan, table);
  if (plan.access !== 'scan') {
    step = {
      title: plan.covered ? 'Groups from the index' : 'Fetch documents',
      detail: analysis ? `${plural(analysis.documents, 'document')} read` : '',
      time: time?.documents,
      sources: [step],
    };
  }
  if (plan.filter)
    step = { title: 'Test', detail: 'what the access leaves open', time: time?.rest, sources: [step] };
  if (plan.sort)
    step = { title: 'Sort', detail: 'no index has this order', time: time?.sort, sources: [step] };
  return { title: 'Rows', detail: analysis ? count(analysis.rows) : '', sources: [step] };
}

function accessOf(plan: Plan, table: string): Step {
  const { analysis, ranges, time } = plan;
  const entries = analysis && plan.access !== 'scan' ? `${plural(analysis.entries, 'entr')}` : '';
  const met = entries.replace(/entr(s?)$/, (_, many) => (many ? 'entries' : 'entry'));
  const parts = ranges > 1 ? `${count(ranges)} ranges` : '';
  const detail = [met, parts].filter((said) => said !== '').join(', ');
  if (plan.access === 'scan') {
    const read = analysis ? plural(analysis.documents, 'document') : '';
    return { title: `Scan ${table}`, detail: read, time: plan.filter ? undefined : time?.rest, sources: [] };
  }
  if (plan.access === 'index') return { title: `Index ${plan.index}`, detail, time: time?.keys, sources: [] };
  return {
    title: plan.access === 'union' ? 'Union: in any of' : 'Intersection: in all of',
    detail,
    time: time?.keys,
    sources: plan.indexes.map((name) => ({ title: `Index ${name}`, detail: '', sources: [] })),
  };
}

export function PlanView({ plan, table }: { readonly plan: Plan; readonly table: string }) {
  const { time } = plan;
  const total = Object.values(time ?? {}).reduce((sum, part) => sum + part, 0);
  return (
    <div class="plan">
      <section aria-label="Steps">
        <ul class="tree">
          <StepNode step={stepsOf(plan, table)} total={total} />
        </ul>
        {time && (
          <p class="hint">
            {count(total)} µs together, {count(time.plan ?? 0)} of them to plan
            {plan.cached && '; the result of the query is kept, so running it takes less'}.
          </p>
        )}
      </section>
      <section aria-label="Alternatives">
        <h3>Considered</h3>
        <Alternatives plan={plan} />
      </section>
    </div>
  );
}

function StepNode({ step, total }: { readonly step: Step; readonly total: number }) {
  const { title, detail, time, sources } = step;
  return (
    <li>
      <div class="step">
        <strong>{title}</strong>
        {detail !== '' && <span>{detail}</span>}
        {time !== undefined && (
          <span class="time">
            <meter min={0} max={Math.max(total, 1)} value={time} aria-hidden="true" /> {count(time)} µs
          </span>
        )}
      </div>
      {sources.length > 0 && (
        <ul>
          {sources.map((source) => (
            <StepNode key={source.title} step={source} total={total} />
          ))}
        </ul>
      )}
    </li>
  );
}

function Alternatives({ plan }: { readonly plan: Plan }) {
  if (plan.considered.length === 0) {
    return <p class="empty">Nothing else: no index serves the condition or the sort.</p>;
  }
  const most = Math.max(...plan.considered.map(({ cost = 0 }) => cost), 1);
  const chosen = [...plan.indexes].sort().join();
  return (
    <ul class="alternatives">
      {plan.considered.map(({ indexes, entries, more, estimated, cost }) => {
        const isChosen = [...indexes].sort().join() === chosen;
        return (
          <li key={indexes.join()} class={isChosen ? 'chosen' : undefined}>
            <span class="name">
              {indexes.join(' + ') || 'scan'}
              {isChosen && <small> taken</small>}
            </span>
            <span class="met">
              {entries !== undefined &&
                `${more ? 'at least ' : estimated ? 'about ' : ''}${count(entries)} ${entries === 1 ? 'entry' : 'entries'}`}
            </span>
            {cost !== undefined && (
              <span class="cost">
                <meter min={0} max={most} value={cost} aria-hidden="true" /> cost {count(cost)}
              </span>
            )}
          </li>
        );
      })}
    </ul>
  );
}
