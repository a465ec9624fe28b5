/** The Lua panel: a script, its output and its results. */
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { toJson } from '../base/json.ts';
import { durable } from '../base/session.ts';
import { ErrorNote } from '../ui/error-note.tsx';
import { milliseconds } from '../ui/format.ts';
import { GridView } from '../ui/grid.tsx';
import { valuesOf } from '../ui/rows.ts';
import { Tabs } from '../ui/tabs.tsx';
import { type Editor, makeEditor } from './editor.ts';
import { EXAMPLES } from './examples.ts';
import { lineOf, outcome, output, run, running, stopRun } from './run.ts';

const KEPT = 'cu-playground-script';
const LIMITS = [
  [5_000, '5 s'],
  [30_000, '30 s'],
  [300_000, '5 min'],
] as const;

const limit = signal<number>(30_000);
const view = signal('table');

export function LuaPanel() {
  const place = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor>(undefined);
  const start = () => {
    if (editor.current !== undefined && !running.value) void runIn(editor.current);
  };
  useEffect(() => {
    const made = makeEditor(place.current!, kept(), start, () => keep(made.source()));
    editor.current = made;
    return () => made.view.destroy();
  }, []);
  return (
    <div class="lua">
      <section aria-label="Script">
        <div class="row">
          <button type="button" class="primary" onClick={start} disabled={running.value} title="Ctrl+Enter">
            Run
          </button>
          <button
            type="button"
            onClick={stopRun}
            disabled={!running.value || !durable.value}
            title={
              durable.value ? undefined : 'A database in memory would go with it; the time limit ends it'
            }
          >
            Stop
          </button>
          <select
            aria-label="Time limit"
            value={limit.value}
            onChange={({ currentTarget }) => (limit.value = Number(currentTarget.value))}
          >
            {LIMITS.map(([value, title]) => (
              <option key={value} value={value}>
                {title}
              </option>
            ))}
          </select>
          <select
            aria-label="Examples"
            class="examples"
            value=""
            onChange={({ currentTarget }) => {
              editor.current?.replace(EXAMPLES[Number(currentTarget.value)]!.source);
              editor.current?.unmark();
              currentTarget.value = '';
            }}
          >
            <option value="">Examples…</option>
            {EXAMPLES.map(({ title }, at) => (
              <option key={title} value={at}>
                {title}
              </option>
            ))}
          </select>
        </div>
        <div ref={place} class="editor" />
        <p class="hint wide">
          <kbd>Ctrl</kbd>+<kbd>Enter</kbd> runs, <kbd>Ctrl</kbd>+<kbd>Space</kbd> completes, <kbd>Esc</kbd>{' '}
          then <kbd>Tab</kbd> leaves the editor.
        </p>
      </section>
      <section aria-label="Results" class="outcome">
        <Results />
      </section>
    </div>
  );
}

async function runIn(editor: Editor): Promise<void> {
  editor.unmark();
  const { error } = await run(editor.source(), limit.value);
  const line = lineOf(error);
  if (line !== undefined) editor.mark(line, (error as Error).message);
}

function Results() {
  const ended = outcome.value;
  return (
    <>
      <p class="state" role="status">
        {running.value
          ? 'Running…'
          : ended === undefined
            ? 'Not run yet.'
            : `${ended.error === undefined ? 'Done' : 'Failed'} after ${milliseconds(ended.milliseconds)}.`}
      </p>
      {output.value !== '' && <pre class="output">{output.value}</pre>}
      {ended?.error !== undefined && <ErrorNote error={ended.error} />}
      {ended?.results !== undefined && ended.results.length > 0 && (
        <Tabs
          label="Results as"
          selected={view.value}
          onSelect={(id) => (view.value = id)}
          tabs={[
            {
              id: 'table',
              title: 'Table',
              content: () => <GridView label="Results" values={valuesOf(ended.results!)} />,
            },
            {
              id: 'json',
              title: 'JSON',
              content: () => (
                <pre class="json">{ended.results!.map((value) => toJson(value, 2)).join('\n')}</pre>
              ),
            },
          ]}
        />
      )}
    </>
  );
}

function kept(): string {
  try {
    return sessionStorage.getItem(KEPT) ?? EXAMPLES[0]!.source;
  } catch {
    return EXAMPLES[0]!.source;
  }
}

function keep(source: string): void {
  try {
    sessionStorage.setItem(KEPT, source);
  } catch {
    // A page without storage forgets it.
  }
}
