/** What to do about an error, where its message does not say it. */
import { CuError, type ErrorCode } from 'cu-db';

const ADVICE: { readonly [Code in ErrorCode]?: string } = {
  syntax: 'Look at the marked line, and at the end of the one before it.',
  'unknown-table': 'The list under Data has the tables that there are.',
  'unknown-index': 'Data, Indexes has the indexes of each table.',
  'unknown-function': 'Data, Functions has the functions of each table.',
  'limit-exceeded': 'Allow more time beside the Run button, or do less in one call.',
  unstorable: 'Return or store values: numbers, texts, booleans, lists and maps of them.',
  'store-full': 'Delete what you do not need, or free space on this device.',
  'store-closed': 'Load this page again.',
  incomplete: 'Import the archive again, or delete everything from the menu.',
  'worker-lost': 'What the script wrote is taken back; just run the next one.',
  'unsupported-engine': 'Update the browser and load this page again.',
};

/** Lua's own messages, and what is mostly behind them. */
const LUA: readonly [RegExp, string][] = [
  [
    /attempt to index a nil value \(field '([^']+)'\)/,
    'There is no “$1” yet: make the table first (_home.$1 = {}), or ask whether it is there.',
  ],
  [
    /attempt to index a nil value \((?:local|global|upvalue) '([^']+)'\)/,
    '“$1” has no value here; check its name and where it is set.',
  ],
  [
    /attempt to call a nil value \((?:method|field|global|local) '([^']+)'\)/,
    'There is no function “$1”; Ctrl+Space completes those that there are.',
  ],
  [
    /attempt to (?:perform arithmetic on|compare|concatenate) (?:a |two )?(\w+)/,
    'A value of another type was wanted; tonumber, tostring or a default (x or 0) may help.',
  ],
];

/** A sentence that says what to do; undefined where the message is all there is to say. */
export function advice(error: unknown): string | undefined {
  if (!(error instanceof CuError)) return undefined;
  if (error.code !== 'script') return ADVICE[error.code];
  for (const [pattern, sentence] of LUA) {
    const found = pattern.exec(error.message);
    if (found) return sentence.replaceAll('$1', found[1]!);
  }
  return undefined;
}
