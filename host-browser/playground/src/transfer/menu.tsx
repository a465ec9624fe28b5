/** The menu: sample data, import, export, and an end to everything. */
import { signal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import { databaseName, startOver, tables } from '../base/session.ts';
import { Dialog } from '../ui/dialog.tsx';
import { ErrorNote } from '../ui/error-note.tsx';
import { Field } from '../ui/field.tsx';
import { count, plural } from '../ui/format.ts';
import { download, exportArchive, importArchive } from './archive.ts';
import { loadCities } from './cities.ts';
import { exportLines, importLines } from './lines.ts';

type Open = 'import-archive' | 'import-lines' | 'export-lines' | 'start-over';

const open = signal<Open | undefined>(undefined);

/** What goes on, or what came of it. */
const news = signal<{ readonly text?: string; readonly error?: unknown } | undefined>(undefined);

async function report(work: () => Promise<string>): Promise<void> {
  try {
    news.value = { text: await work() };
  } catch (error) {
    news.value = { error };
  }
}

const ITEMS: readonly (readonly [string, () => void])[] = [
  [
    'Load the sample cities',
    () =>
      void report(async () => {
        news.value = { text: 'Loading the cities…' };
        const loaded = await loadCities((done) => (news.value = { text: `${plural(done, 'document')}…` }));
        return `${count(loaded)} cities, two indexes and the function geo.nearest are there.`;
      }),
  ],
  ['Import JSON lines…', () => (open.value = 'import-lines')],
  ['Export JSON lines…', () => (open.value = 'export-lines')],
  ['Import an archive…', () => (open.value = 'import-archive')],
  [
    'Export an archive',
    () =>
      void report(async () => {
        const file = await exportArchive({
          onProgress: ({ entries }) => (news.value = { text: `${count(entries)} entries…` }),
        });
        download(file, `${databaseName}.cu`);
        return `${databaseName}.cu has everything; “cu restore” reads it, too.`;
      }),
  ],
  ['Delete everything…', () => (open.value = 'start-over')],
];

export function Menu() {
  const id = useId();
  const menu = useRef<HTMLDivElement>(null);
  return (
    <>
      <button type="button" popovertarget={id} class="menu-button">
        Samples, import, export
      </button>
      <div id={id} ref={menu} popover="auto" class="menu">
        {ITEMS.map(([title, act]) => (
          <button
            key={title}
            type="button"
            onClick={() => {
              menu.current?.hidePopover();
              act();
            }}
          >
            {title}
          </button>
        ))}
        <small class="credit">
          Cities: <a href="https://www.geonames.org">GeoNames</a>, CC BY 4.0
        </small>
      </div>
      <News />
      <Dialogs />
    </>
  );
}

/** How long good news stay. */
const NEWS_MILLISECONDS = 6000;

function News() {
  const told = news.value;
  useEffect(() => {
    if (told?.text === undefined) return;
    const timer = setTimeout(() => (news.value = undefined), NEWS_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [told]);
  return (
    <div class="news" role="status" hidden={told === undefined}>
      {told?.error !== undefined ? <ErrorNote error={told.error} /> : <p>{told?.text}</p>}
      <button type="button" class="quiet" aria-label="Dismiss" onClick={() => (news.value = undefined)}>
        ✕
      </button>
    </div>
  );
}

function Dialogs() {
  const close = () => (open.value = undefined);
  switch (open.value) {
    case 'import-archive':
      return <ImportArchive onClose={close} />;
    case 'import-lines':
      return <ImportLines onClose={close} />;
    case 'export-lines':
      return <ExportLines onClose={close} />;
    case 'start-over':
      return (
        <Dialog
          title="Delete everything?"
          onClose={close}
          action={{
            title: 'Delete everything',
            danger: true,
            run: async () => {
              await startOver();
              news.value = { text: 'The database is empty.' };
            },
          }}
        >
          <p>All tables of “{databaseName}” are deleted. This can't be undone; an archive would keep them.</p>
        </Dialog>
      );
    default:
      return null;
  }
}

interface Closing {
  readonly onClose: () => void;
}

function ImportArchive({ onClose }: Closing) {
  const file = useRef<HTMLInputElement>(null);
  const run = async () => {
    await importArchive(file.current!.files![0]!, {
      onProgress: ({ entries }) => (news.value = { text: `${count(entries)} entries…` }),
    });
    news.value = { text: 'The archive is in.' };
  };
  return (
    <Dialog
      title="Import an archive"
      onClose={onClose}
      action={{ title: 'Replace everything', danger: true, run }}
    >
      <p>What the archive has takes the place of everything that is here.</p>
      <Field label="File of “cu backup” or of an export here">
        <input ref={file} type="file" required />
      </Field>
    </Dialog>
  );
}

function ImportLines({ onClose }: Closing) {
  const file = useRef<HTMLInputElement>(null);
  const table = useRef<HTMLInputElement>(null);
  const member = useRef<HTMLInputElement>(null);
  const run = async () => {
    const named = member.current!.value.trim();
    const documents = await importLines(await file.current!.files![0]!.text(), {
      table: table.current!.value.trim(),
      ...(named !== '' && { member: named }),
    });
    news.value = { text: `${plural(documents, 'document')} put into ${table.current!.value.trim()}.` };
  };
  return (
    <Dialog title="Import JSON lines" onClose={onClose} action={{ title: 'Import', run }}>
      <Field label="File with a JSON object in each line">
        <input ref={file} type="file" accept=".ndjson,.jsonl,.json,.txt" required />
      </Field>
      <Field label="Table">
        <input ref={table} required autocomplete="off" spellcheck={false} />
      </Field>
      <Field label="Member that has the key; empty for lines of {key, value}">
        <input ref={member} placeholder="id" autocomplete="off" spellcheck={false} />
      </Field>
    </Dialog>
  );
}

function ExportLines({ onClose }: Closing) {
  const table = useRef<HTMLSelectElement>(null);
  const run = async () => {
    const name = table.current!.value;
    download(await exportLines(name), `${name}.ndjson`);
  };
  return (
    <Dialog title="Export JSON lines" onClose={onClose} action={{ title: 'Export', run }}>
      <Field label="Table">
        <select ref={table} required>
          {tables.value.map(({ name }) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </Field>
      <p class="hint">A line for each document: {'{"key": …, "value": …}'}</p>
    </Dialog>
  );
}
