/** The indexes of a table: which there are, what they hold, a form for another one. */

import type { IndexDefinition, IndexInfo } from 'cu-db';
import { useState } from 'preact/hooks';
import { toJson } from '../base/json.ts';
import { useLoaded } from '../base/load.ts';
import { read, revision, write } from '../base/session.ts';
import { ErrorNote } from '../ui/error-note.tsx';
import { Field } from '../ui/field.tsx';
import { count } from '../ui/format.ts';

export function IndexesView({ table }: { readonly table: string }) {
  const { value: indexes, error } = useLoaded(() => read((db) => db.indexes(table)), [table, revision.value]);
  return (
    <>
      {error !== undefined && <ErrorNote error={error} />}
      {indexes?.length === 0 && <p class="empty">No index yet: queries go through all documents.</p>}
      <ul class="cards">
        {indexes?.map((index) => (
          <IndexCard key={index.name} table={table} index={index} />
        ))}
      </ul>
      <NewIndex table={table} />
    </>
  );
}

function IndexCard({ table, index }: { readonly table: string; readonly index: IndexInfo }) {
  const { name, definition, entries } = index;
  const [error, setError] = useState<unknown>();
  const { value: statistics } = useLoaded(
    () => read((db) => db.indexStatistics(table, name)),
    [table, name, revision.value],
  );
  const parts = statistics?.histogram ?? [];
  const most = Math.max(...parts.map((part) => part.entries), 1);
  const flags = [definition.kind, definition.unique && 'unique', definition.sparse && 'sparse'].filter(
    Boolean,
  );
  return (
    <li class="card">
      <div class="row">
        <h3>{name}</h3>
        <small>{flags.join(', ')}</small>
        <button
          type="button"
          class="quiet danger"
          onClick={() => write((db) => db.dropIndex(table, name)).catch(setError)}
          aria-label={`Drop index ${name}`}
        >
          Drop
        </button>
      </div>
      <p>
        {count(entries)} entries
        {statistics?.distinct !== undefined &&
          `, ${statistics.exact ? '' : 'about '}${count(statistics.distinct)} different values`}
        {definition.build &&
          `, ${definition.build.phase}: ${count(definition.build.done)} of about ${count(definition.build.total)}`}
      </p>
      {parts.length > 1 && (
        <div class="histogram" role="img" aria-label={`${parts.length} parts of about as many entries each`}>
          {parts.map((part) => (
            <i
              key={toJson(part.upTo)}
              style={{ height: `${Math.round((part.entries / most) * 100)}%` }}
              title={`${count(part.entries)} entries up to ${toJson(part.upTo)}`}
            />
          ))}
        </div>
      )}
      {error !== undefined && <ErrorNote error={error} />}
    </li>
  );
}

function NewIndex({ table }: { readonly table: string }) {
  const [error, setError] = useState<unknown>();
  const [progress, setProgress] = useState<string>();
  const make = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const data = new FormData(form);
    setError(undefined);
    try {
      await write((db) =>
        db.createIndex(table, definitionOf(data), {
          onProgress: ({ done, total }) => setProgress(`${count(done)} of about ${count(total)} documents`),
        }),
      );
      form.reset();
    } catch (error) {
      setError(error);
    } finally {
      setProgress(undefined);
    }
  };
  return (
    <form class="card form" onSubmit={make}>
      <h3>New index</h3>
      <div class="row">
        <Field label="Fields, with commas between" class="grow">
          <input
            name="fields"
            required
            placeholder="country, -population"
            autocomplete="off"
            spellcheck={false}
          />
        </Field>
        <Field label="Name">
          <input name="name" placeholder="by default the fields" autocomplete="off" spellcheck={false} />
        </Field>
        <Field label="Kind">
          <select name="kind">
            <option value="btree">B-tree</option>
            <option value="hash">hash</option>
          </select>
        </Field>
      </div>
      <div class="row">
        <label class="check">
          <input type="checkbox" name="unique" /> unique
        </label>
        <label class="check">
          <input type="checkbox" name="sparse" /> sparse
        </label>
        <label class="check">
          <input type="checkbox" name="multiEntry" /> an entry for each element of a list
        </label>
        <button type="submit" class="primary" disabled={progress !== undefined}>
          Make index
        </button>
        {progress !== undefined && <span role="status">{progress}</span>}
      </div>
      {error !== undefined && <ErrorNote error={error} />}
    </form>
  );
}

function definitionOf(data: FormData): IndexDefinition {
  const multiEntry = data.has('multiEntry');
  const fields = String(data.get('fields'))
    .split(',')
    .map((said) => said.trim())
    .filter((said) => said !== '')
    .map((said) => ({
      field: said.replace(/^-/, ''),
      ...(said.startsWith('-') && { descending: true }),
      ...(multiEntry && { multiEntry }),
    }));
  const name = String(data.get('name')).trim();
  return {
    fields,
    kind: data.get('kind') as 'btree',
    ...(name !== '' && { name }),
    ...(data.has('unique') && { unique: true }),
    ...(data.has('sparse') && { sparse: true }),
  };
}
