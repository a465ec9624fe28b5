/** The data panel: the tables, and what is in the one that is chosen. */
import { computed, signal } from '@preact/signals';
import { tables, write } from '../base/session.ts';
import { Dialog } from '../ui/dialog.tsx';
import { count } from '../ui/format.ts';
import { Tabs } from '../ui/tabs.tsx';
import { DocumentsView } from './documents.tsx';
import { FunctionsView } from './functions.tsx';
import { IndexesView } from './indexes.tsx';

const wanted = signal<string | undefined>(undefined);
const view = signal('documents');
const dropping = signal(false);

/** The table that shows: the one that was chosen, as long as there is one. */
const chosen = computed(() => {
  const names = tables.value.map(({ name }) => name);
  return names.find((name) => name === wanted.value) ?? names[0];
});

export function DataPanel() {
  const table = chosen.value;
  return (
    <div class="data">
      <nav aria-label="Tables">
        <ul class="tables">
          {tables.value.map(({ name, documents, indexes }) => (
            <li key={name}>
              <button
                type="button"
                aria-current={name === table}
                onClick={() => (wanted.value = name)}
                title={`${count(indexes)} indexes`}
              >
                <span>{name}</span> <small>{count(documents)}</small>
              </button>
            </li>
          ))}
        </ul>
      </nav>
      {table === undefined ? (
        <p class="empty">
          There are no tables yet. Load the cities from the menu, or write a document in Lua: its table comes
          to be with it.
        </p>
      ) : (
        <section aria-label={`Table ${table}`} class="table-view">
          <div class="row">
            <h2>{table}</h2>
            {table !== '_home' && (
              <button type="button" class="quiet danger" onClick={() => (dropping.value = true)}>
                Drop table…
              </button>
            )}
          </div>
          <Tabs
            label={`What is in ${table}`}
            selected={view.value}
            onSelect={(id) => (view.value = id)}
            tabs={[
              {
                id: 'documents',
                title: 'Documents',
                content: () => <DocumentsView key={table} table={table} />,
              },
              { id: 'indexes', title: 'Indexes', content: () => <IndexesView key={table} table={table} /> },
              {
                id: 'functions',
                title: 'Functions',
                content: () => <FunctionsView key={table} table={table} />,
              },
            ]}
          />
          {dropping.value && (
            <Dialog
              title={`Drop ${table}?`}
              onClose={() => (dropping.value = false)}
              action={{
                title: 'Drop table',
                danger: true,
                run: async () => void (await write((db) => db.dropTable(table))),
              }}
            >
              <p>Its documents, indexes and functions are deleted. This can't be undone.</p>
            </Dialog>
          )}
        </section>
      )}
    </div>
  );
}
