/** The query panel: what is asked, as a form or as JSON, and the answer. */
import { tables } from '../base/session.ts';
import { ErrorNote } from '../ui/error-note.tsx';
import { Field } from '../ui/field.tsx';
import { Tabs } from '../ui/tabs.tsx';
import { AnswerView } from './answer.tsx';
import { Conditions } from './conditions.tsx';
import { asked, busy, change, form, mode, problem, run, setMode, text } from './state.ts';

export function QueryPanel() {
  const submit = (event: Event) => {
    event.preventDefault();
    void run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit(event);
  };
  return (
    <div class="query">
      <form class="ask" onSubmit={submit} onKeyDown={onKeyDown} aria-label="Query">
        <Tabs
          label="Query as"
          selected={mode.value}
          onSelect={(id) => setMode(id as 'form' | 'json')}
          tabs={[
            { id: 'form', title: 'Form', content: () => <FormFields /> },
            { id: 'json', title: 'JSON', content: () => <JsonField /> },
          ]}
        />
        <div class="row">
          <button type="submit" class="primary" disabled={busy.value}>
            Run query
          </button>
          <small class="hint wide">
            <kbd>Ctrl</kbd>+<kbd>Enter</kbd>
          </small>
        </div>
        {problem.value !== undefined && <ErrorNote error={problem.value} />}
      </form>
      <section aria-label="Answer" class="answer">
        <AnswerView />
      </section>
    </div>
  );
}

function FormFields() {
  const { sort, limit } = form.value;
  return (
    <>
      <Field label="Table">
        <select value={asked.value} onChange={({ currentTarget }) => change({ table: currentTarget.value })}>
          {tables.value.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </Field>
      <Conditions />
      <div class="row">
        <Field label="Sort by" class="grow">
          <input
            value={sort}
            placeholder="-population, name"
            onInput={({ currentTarget }) => change({ sort: currentTarget.value })}
            autocomplete="off"
            spellcheck={false}
          />
        </Field>
        <Field label="Limit" class="short">
          <input
            value={limit}
            inputMode="numeric"
            onInput={({ currentTarget }) => change({ limit: currentTarget.value })}
            autocomplete="off"
          />
        </Field>
      </div>
    </>
  );
}

function JsonField() {
  return (
    <Field label="Query, as JSON">
      <textarea
        value={text.value}
        rows={14}
        onInput={({ currentTarget }) => (text.value = currentTarget.value)}
        spellcheck={false}
        autocomplete="off"
      />
    </Field>
  );
}
