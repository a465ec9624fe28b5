/** A table of values. */
import { useState } from 'preact/hooks';
import { cellText, gridOf } from './rows.ts';

const STEP = 100;

interface Properties {
  readonly values: readonly unknown[];
  readonly label: string;
  /** Whether the values are rows with keys; by default that is told by looking. */
  readonly keyed?: boolean;
  /** What opening a row does. */
  readonly onOpen?: (at: number) => void;
}

export function GridView({ values, label, keyed, onOpen }: Properties) {
  const [most, setMost] = useState(STEP);
  const { columns, rows } = gridOf(values.slice(0, most), keyed);
  if (rows.length === 0) return <p class="empty">Nothing.</p>;
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard. */}
      <section class="scroll" aria-label={label} tabIndex={0}>
        <table>
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ head, cells }, at) => (
              <tr key={head}>
                <th scope="row">
                  {onOpen === undefined ? (
                    head
                  ) : (
                    <button type="button" class="link" onClick={() => onOpen(at)}>
                      {head}
                    </button>
                  )}
                </th>
                {cells.map((cell, column) => (
                  <td
                    key={columns[column + 1]}
                    class={typeof cell === 'number' || typeof cell === 'bigint' ? 'number' : undefined}
                  >
                    {cellText(cell)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {values.length > most && (
        <button type="button" class="more" onClick={() => setMost(most + 10 * STEP)}>
          Show more ({(values.length - most).toLocaleString('en')} left)
        </button>
      )}
    </>
  );
}
