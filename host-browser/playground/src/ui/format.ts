/** Numbers as people read them. */

export function count(value: number): string {
  return value.toLocaleString('en');
}

export function bytes(value: number): string {
  const units = ['B', 'KB', 'MB', 'GB'];
  let at = 0;
  let rest = value;
  while (rest >= 1000 && at < units.length - 1) {
    rest /= 1000;
    at++;
  }
  return `${at === 0 ? rest : rest.toFixed(rest < 10 ? 2 : 1)} ${units[at]}`;
}

export function milliseconds(value: number): string {
  return value < 1 ? `${Math.round(value * 1000)} µs` : `${value.toFixed(value < 10 ? 2 : 0)} ms`;
}

/** How many there are of something: `1 document`, `2 documents`. */
export function plural(value: number, word: string): string {
  return `${count(value)} ${word}${value === 1 ? '' : word.endsWith('x') ? 'es' : 's'}`;
}
