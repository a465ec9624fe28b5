/** Values as JSON and back, in the notation of the command `cu`: `{"$bytes": …}` and its kin where JSON has no word. */
import { CuError, CuFloat, CuFunctionRef, type Decoded, type Value } from 'cu-db';

/** A value as JSON. With `indent`, what does not fit into a line gets lines of its own. */
export function toJson(value: unknown, indent?: number): string {
  return indent === undefined ? line(value) : pretty(value, '', ' '.repeat(indent));
}

const WIDTH = 72;

function pretty(value: unknown, margin: string, indent: string): string {
  const short = line(value);
  if (short.length + margin.length <= WIDTH) return short;
  const inner = margin + indent;
  if (Array.isArray(value)) {
    return `[\n${value.map((element) => inner + pretty(element, inner, indent)).join(',\n')}\n${margin}]`;
  }
  if (!isMap(value)) return short;
  const members = Object.entries(value).map(
    ([name, member]) => `${inner}${JSON.stringify(name)}: ${pretty(member, inner, indent)}`,
  );
  return `{\n${members.join(',\n')}\n${margin}}`;
}

function line(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return numberText(value);
  if (typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(line).join(', ')}]`;
  if (value instanceof CuFloat) {
    const text = numberText(value.value);
    return /^-?\d+$/.test(text) ? `${text}.0` : text;
  }
  if (value instanceof CuFunctionRef) return `{"$function": ${JSON.stringify(value.id ?? value.name)}}`;
  if (value instanceof Uint8Array)
    return `{"$bytes": "${btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join(''))}"}`;
  if (value instanceof Map) {
    return `{"$map": [${[...value].map(([key, member]) => `[${line(key)}, ${line(member)}]`).join(', ')}]}`;
  }
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}: ${line(member)}`);
  return `{${members.join(', ')}}`;
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0.0' : String(value);
  return `{"$float": "${Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'}"}`;
}

/** Whether a value is a map whose keys are texts. */
export function isMap(value: unknown): value is { readonly [name: string]: Decoded } {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

type Reviver = (this: unknown, name: string, value: unknown, context?: { source?: string }) => unknown;

/** The value that a JSON text says: a number with a point or an exponent is a float, any other an integer of any size. */
export function fromJson(text: string): Value {
  const revive: Reviver = (_, value, context) => {
    if (typeof value === 'number') return numberOf(value, context?.source);
    return isMap(value) ? wordOf(value) : value;
  };
  try {
    return JSON.parse(text, revive as Parameters<typeof JSON.parse>[1]) as Value;
  } catch (error) {
    if (error instanceof CuError) throw error;
    throw new CuError('invalid-value', `This is no JSON: ${(error as Error).message}`);
  }
}

function numberOf(value: number, source = String(value)): Value {
  if (/[.eE]/.test(source)) return new CuFloat(value);
  return Number.isSafeInteger(value) ? value : BigInt(source);
}

function wordOf(map: { readonly [name: string]: unknown }): unknown {
  const [word, ...others] = Object.keys(map);
  if (word === undefined || others.length > 0) return map;
  const said = map[word];
  switch (word) {
    case '$bytes':
      return bytesOf(said);
    case '$float':
      return floatOf(said);
    case '$map':
      if (Array.isArray(said) && said.every((pair) => Array.isArray(pair) && pair.length === 2))
        return new Map(said);
      throw refused(word, 'an array of [key, value]');
    case '$function':
      // It can't be written, but it may stay where it was.
      return new CuFunctionRef(said as number | string);
    default:
      return map;
  }
}

function bytesOf(said: unknown): Uint8Array {
  try {
    return Uint8Array.from(atob(said as string), (letter) => letter.charCodeAt(0));
  } catch {
    throw refused('$bytes', 'a text in base64');
  }
}

function floatOf(said: unknown): CuFloat {
  const known: Record<string, number> = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity };
  const value = known[String(said)];
  if (value === undefined) throw refused('$float', '"nan", "inf" or "-inf"');
  return new CuFloat(value);
}

function refused(word: string, wanted: string): CuError {
  return new CuError('invalid-value', `"${word}" takes ${wanted}.`);
}
