/** The page: a bar, and four panels of which one shows. */
import { signal } from '@preact/signals';
import { databaseName, durable, state } from './base/session.ts';
import { nextTheme, theme } from './base/theme.ts';
import { DataPanel } from './data/panel.tsx';
import { LuaPanel } from './lua/panel.tsx';
import { QueryPanel } from './query/panel.tsx';
import { StatisticsPanel } from './statistics/panel.tsx';
import { Menu } from './transfer/menu.tsx';
import { ErrorNote } from './ui/error-note.tsx';
import { Tabs } from './ui/tabs.tsx';

const PANELS = [
  { id: 'lua', title: 'Lua', panel: LuaPanel },
  { id: 'data', title: 'Data', panel: DataPanel },
  { id: 'query', title: 'Query', panel: QueryPanel },
  { id: 'statistics', title: 'Statistics', panel: StatisticsPanel },
] as const;

/** The panel that shows; the address names it. */
export const shown = signal<string>(
  PANELS.find(({ id }) => id === location.hash.slice(1))?.id ?? PANELS[0].id,
);

export function App() {
  return (
    <>
      <header class="bar">
        <h1>
          <span class="mark" aria-hidden="true">
            Cu
          </span>
          <span class="title">Cu playground</span>
        </h1>
        <span class="database" title={durable.value ? 'Kept in IndexedDB' : 'In memory only'}>
          database {databaseName}
        </span>
        <Menu />
        <button type="button" class="quiet" onClick={nextTheme} aria-label={`Colours: ${theme.value}`}>
          <span aria-hidden="true">{{ auto: '◐', light: '☀', dark: '☾' }[theme.value]}</span>
          <span class="wide">{theme.value}</span>
        </button>
      </header>
      <Tabs
        label="Parts of the playground"
        class="panels"
        selected={shown.value}
        onSelect={select}
        tabs={PANELS.map(({ id, title, panel: Panel }) => ({ id, title, content: () => <Panel /> }))}
        above={<Notices />}
      />
    </>
  );
}

function select(id: string): void {
  shown.value = id;
  history.replaceState(null, '', `#${id}`);
}

function Notices() {
  const problem = typeof state.value === 'object' ? state.value.error : undefined;
  return (
    <>
      {problem !== undefined && <ErrorNote error={problem} />}
      {!durable.value && (
        <p class="notice">
          This page may not store anything here, so the database is in memory and ends with the page.
        </p>
      )}
    </>
  );
}
