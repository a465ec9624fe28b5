/** The conditions of the form, a line each. */
import { useId } from 'preact/hooks';
import { isMap } from '../base/json.ts';
import { useLoaded } from '../base/load.ts';
import { read, revision } from '../base/session.ts';
import { type Line, NEW_LINE, OPERATORS } from './form.ts';
import { asked, change, form } from './state.ts';

const PLACEHOLDERS: { readonly [op: string]: string } = {
  between: '1000, 2000',
  in: 'DE, FR',
  'not in': 'DE, FR',
  exists: 'true',
  type: 'text',
};

export function Conditions() {
  const { join, lines } = form.value;
  const fields = useId();
  const { value: names } = useLoaded(() => fieldsOf(asked.value), [asked.value, revision.value]);
  const set = (at: number, members: Partial<Line>) =>
    change({ lines: lines.map((line, index) => (index === at ? { ...line, ...members } : line)) });
  return (
    <fieldset class="conditions">
      <legend>Conditions</legend>
      <datalist id={fields}>
        {names?.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      {lines.map((line, at) => (
        <div class="condition" key={at}>
          <input
            aria-label={`Field of condition ${at + 1}`}
            list={fields}
            value={line.field}
            placeholder="field"
            onInput={({ currentTarget }) => set(at, { field: currentTarget.value })}
            autocomplete="off"
            spellcheck={false}
          />
          <select
            aria-label={`Operator of condition ${at + 1}`}
            value={line.op}
            onChange={({ currentTarget }) => set(at, { op: currentTarget.value as Line['op'] })}
          >
            {OPERATORS.map((op) => (
              <option key={op} value={op}>
                {op}
              </option>
            ))}
          </select>
          <input
            aria-label={`Value of condition ${at + 1}`}
            value={line.value}
            placeholder={PLACEHOLDERS[line.op] ?? 'value'}
            onInput={({ currentTarget }) => set(at, { value: currentTarget.value })}
            autocomplete="off"
            spellcheck={false}
          />
          <button
            type="button"
            class="quiet"
            aria-label={`Remove condition ${at + 1}`}
            onClick={() =>
              change({ lines: lines.length > 1 ? lines.filter((_, index) => index !== at) : [NEW_LINE] })
            }
          >
            ✕
          </button>
        </div>
      ))}
      <div class="row">
        <button type="button" onClick={() => change({ lines: [...lines, NEW_LINE] })}>
          Add condition
        </button>
        {lines.length > 1 && (
          <select
            aria-label="How conditions are joined"
            value={join}
            onChange={({ currentTarget }) => change({ join: currentTarget.value as 'and' | 'or' })}
          >
            <option value="and">all of them</option>
            <option value="or">any of them</option>
          </select>
        )}
      </div>
    </fieldset>
  );
}

/** Paths that documents of a table have, told from the first of them. */
async function fieldsOf(table: string): Promise<string[]> {
  if (table === '') return [];
  const rows = await read((db) => db.query({ table, limit: 20 }));
  const paths = new Set<string>();
  const collect = (value: unknown, prefix: string) => {
    if (!isMap(value)) return;
    for (const [name, member] of Object.entries(value)) {
      if (name.includes('.')) continue;
      if (isMap(member)) collect(member, `${prefix}${name}.`);
      else paths.add(prefix + name);
    }
  };
  for (const [, document] of rows) collect(document, '');
  return [...paths].sort();
}
