/** The functions that are kept in a table: their source, a call, another one. */

import type { Decoded, FunctionInfo, Value } from 'cu-db';
import { useState } from 'preact/hooks';
import { fromJson, toJson } from '../base/json.ts';
import { useLoaded } from '../base/load.ts';
import { read, revision, write } from '../base/session.ts';
import { Dialog } from '../ui/dialog.tsx';
import { ErrorNote } from '../ui/error-note.tsx';
import { Field } from '../ui/field.tsx';
import { bytes, milliseconds, plural } from '../ui/format.ts';

export function FunctionsView({ table }: { readonly table: string }) {
  const [making, setMaking] = useState(false);
  const { value, error } = useLoaded(
    () => read((db) => Promise.all([db.functions(table), db.functionStatistics()])),
    [table, revision.value],
  );
  const [functions, statistics] = value ?? [];
  return (
    <>
      <div class="row">
        <button type="button" class="primary" onClick={() => setMaking(true)}>
          New function
        </button>
      </div>
      {error !== undefined && <ErrorNote error={error} />}
      {functions?.length === 0 && <p class="empty">No functions in this table.</p>}
      <ul class="cards">
        {functions?.map((info) => (
          <FunctionCard
            key={info.name}
            info={info}
            calls={statistics!.find((calls) => calls.table === table && calls.name === info.name)}
          />
        ))}
      </ul>
      {making && <NewFunction table={table} onClose={() => setMaking(false)} />}
    </>
  );
}

interface CardProperties {
  readonly info: FunctionInfo;
  readonly calls: { readonly calls: number; readonly milliseconds: number } | undefined;
}

function FunctionCard({ info, calls }: CardProperties) {
  const { table, name, upvalues } = info;
  const [args, setArgs] = useState('[]');
  const [results, setResults] = useState<readonly Decoded[]>();
  const [error, setError] = useState<unknown>();
  const { value: source } = useLoaded(
    () => read((db) => db.functionSource(table, name)),
    [table, name, info.stored],
  );
  const call = async (event: Event) => {
    event.preventDefault();
    setError(undefined);
    setResults(undefined);
    try {
      const given = fromJson(args);
      setResults(
        await write((db) =>
          db.callFunction(table, name, (Array.isArray(given) ? given : [given]) as Value[]),
        ),
      );
    } catch (error) {
      setError(error);
    }
  };
  return (
    <li class="card">
      <div class="row">
        <h3>{name}</h3>
        <small>
          {bytes(info.size)}
          {info.bytecode && ' of bytecode'}
          {upvalues.length > 0 && `, keeps ${upvalues.join(', ')}`}
          {calls &&
            `, ${plural(calls.calls, 'call')}, ${milliseconds(calls.milliseconds / Math.max(calls.calls, 1))} each`}
        </small>
        <button
          type="button"
          class="quiet danger"
          onClick={() => write((db) => db.deleteFunction(table, name)).catch(setError)}
          aria-label={`Delete function ${name}`}
        >
          Delete
        </button>
      </div>
      {source !== undefined && (
        <details>
          <summary>Source</summary>
          <pre>{source}</pre>
        </details>
      )}
      <form class="row" onSubmit={call}>
        <Field label="Arguments, as a JSON array" class="grow">
          <input
            value={args}
            onInput={({ currentTarget }) => setArgs(currentTarget.value)}
            autocomplete="off"
            spellcheck={false}
          />
        </Field>
        <button type="submit">Call {name}</button>
      </form>
      {results !== undefined && (
        <pre class="json">{results.map((value) => toJson(value, 2)).join('\n') || 'nothing'}</pre>
      )}
      {error !== undefined && <ErrorNote error={error} />}
    </li>
  );
}

const BEGINNING = `local n = 0
return function(step)
  n = n + (step or 1)
  return n
end
`;

function NewFunction({ table, onClose }: { readonly table: string; readonly onClose: () => void }) {
  const [name, setName] = useState('');
  const [source, setSource] = useState(BEGINNING);
  return (
    <Dialog
      title={`New function in ${table}`}
      onClose={onClose}
      action={{ title: 'Keep it', run: () => write((db) => db.persistFunction(table, name, source)) }}
    >
      <Field label="Name">
        <input
          value={name}
          required
          onInput={({ currentTarget }) => setName(currentTarget.value)}
          autocomplete="off"
          spellcheck={false}
        />
      </Field>
      <Field label="Lua that returns the function; its local variables are kept with it">
        <textarea
          value={source}
          rows={12}
          onInput={({ currentTarget }) => setSource(currentTarget.value)}
          spellcheck={false}
        />
      </Field>
    </Dialog>
  );
}
