/** The page of the older interfaces: what was announced, run in this page, call by call. */
import { type Signal, signal } from '@preact/signals';
import { render } from 'preact';
import { toJson } from '../base/json.ts';
import { nextTheme, theme } from '../base/theme.ts';
import { type Call, callsOf } from './calls.ts';
import * as enhanced from './enhanced.ts';
import enhancedSource from './enhanced.ts?raw';
import * as older from './older.ts';
import olderSource from './older.ts?raw';
import '../style/page.css';
import '../style/controls.css';
import '../style/announced.css';

type Outcome =
  | { readonly state: 'waits' | 'runs' }
  | { readonly state: 'done' | 'failed'; readonly text: string };

interface Card extends Call {
  readonly outcome: Signal<Outcome>;
}

const cards = (source: string, module: object): Card[] =>
  callsOf(source, module).map((call) => ({ ...call, outcome: signal<Outcome>({ state: 'waits' }) }));

const PARTS = [
  {
    title: 'EnhancedCuWASM',
    module: 'cu-db/enhanced',
    cards: cards(enhancedSource, enhanced),
  },
  { title: 'The module cu 2.1', module: 'cu-db/cu-api, cu-db/io-wrapper', cards: cards(olderSource, older) },
];

async function run({ run, outcome }: Card): Promise<void> {
  outcome.value = { state: 'runs' };
  try {
    outcome.value = { state: 'done', text: toJson(await run(), 2) };
  } catch (error) {
    outcome.value = { state: 'failed', text: String(error) };
  }
}

function CardOf({ card }: { card: Card }) {
  const { name, code, outcome } = card;
  const { value } = outcome;
  return (
    <article class="card" id={name}>
      <header>
        <h3>{name}</h3>
        <button
          type="button"
          onClick={() => run(card)}
          disabled={value.state === 'runs'}
          aria-label={`Run ${name}`}
        >
          Run
        </button>
      </header>
      <pre class="code">{code}</pre>
      <output class={value.state} aria-live="polite">
        {'text' in value ? <pre>{value.text}</pre> : value.state === 'runs' ? 'Running' : 'Not run yet'}
      </output>
    </article>
  );
}

function Page() {
  return (
    <>
      <header class="bar">
        <h1>
          <span class="mark" aria-hidden="true">
            Cu
          </span>
          <span class="title">older interfaces</span>
        </h1>
        <a class="away" href="./index.html">
          Playground
        </a>
        <button type="button" class="quiet" onClick={nextTheme} aria-label={`Colours: ${theme.value}`}>
          <span aria-hidden="true">{{ auto: '◐', light: '☀', dark: '☾' }[theme.value]}</span>
          <span class="wide">{theme.value}</span>
        </button>
      </header>
      <main class="announced">
        <p>
          Each call that was announced, run in this page on databases of its own. What a card shows is the
          code that runs. New programs are better off with <code>open</code> of <code>cu-db</code>.
        </p>
        {PARTS.map(({ title, module, cards }) => (
          <section key={title}>
            <h2>
              {title} <code>{module}</code>
            </h2>
            <div class="cards">
              {cards.map((card) => (
                <CardOf key={card.name} card={card} />
              ))}
            </div>
          </section>
        ))}
      </main>
    </>
  );
}

render(<Page />, document.getElementById('app')!);
for (const { cards } of PARTS) {
  for (const card of cards) await run(card);
}
