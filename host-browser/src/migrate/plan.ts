/** What becomes of the older module's tables: documents, and functions with the paths to them. */
import { CuFloat, type Value } from '../cbor/values.ts';
import type { MigrationProblem } from './errors.ts';
import { libraryName } from './library.ts';
import { MAXIMUM_DEPTH, MAXIMUM_VALUES, nameProblem } from './limits.ts';
import type { Stored, StoredValue } from './stored.ts';

/** A key as Lua sees it. */
export type PathKey = string | number | bigint;

export interface PlannedDocument {
  readonly table: string;
  readonly key: PathKey;
  readonly value: Value;
}

export interface PlannedFunction {
  /** From `_home` on. */
  readonly path: readonly PathKey[];
  /** A binary chunk, or the name of a function of the standard library. */
  readonly from: Uint8Array | string;
}

export interface Plan {
  /** All tables, also those that have no document. */
  readonly tables: readonly string[];
  readonly documents: readonly PlannedDocument[];
  readonly functions: readonly PlannedFunction[];
  readonly problems: readonly MigrationProblem[];
}

/** What keys such as `7` were: the older module wrote integers and texts alike. */
export type Keys = 'integers' | 'texts';

const INTEGER = /^(0|-?[1-9]\d{0,18})$/;

export function planOf(stored: Stored, keys: Keys): Plan {
  return new Planner(stored, keys).plan();
}

class Planner {
  readonly #stored: Stored;
  readonly #keys: Keys;
  readonly #tables: string[] = [];
  readonly #documents: PlannedDocument[] = [];
  readonly #functions: PlannedFunction[] = [];
  readonly #problems: MigrationProblem[] = [];
  /** Where the value at hand is, from `_home` on. */
  readonly #path: PathKey[] = [];
  /** How many values the document at hand has. */
  #count = 0;
  /** The tables that the one at hand is in. */
  readonly #above = new Set<number>();

  constructor(stored: Stored, keys: Keys) {
    this.#stored = stored;
    this.#keys = keys;
  }

  plan(): Plan {
    const { home } = this.#stored;
    if (home !== undefined) {
      this.#above.add(home);
      for (const [text, value] of this.#entries(home))
        this.#at(this.#key(text), (key) => this.#member(key, value));
    }
    return {
      tables: this.#tables,
      documents: this.#documents,
      functions: this.#functions,
      problems: this.#problems,
    };
  }

  /** A member of `_home`: a table of documents, if it is one and has a name that a table can have, or else a document. */
  #member(key: PathKey, value: StoredValue): void {
    if (value.type !== 'table' || typeof key !== 'string' || nameProblem(key) !== undefined) {
      this.#document('_home', key, value);
      return;
    }
    const id = value.value;
    if (!this.#enter(id)) return;
    this.#tables.push(key);
    for (const [text, member] of this.#entries(id)) {
      this.#at(this.#key(text), (memberKey) => this.#document(key, memberKey, member));
    }
    this.#above.delete(id);
  }

  #document(table: string, key: PathKey, stored: StoredValue): void {
    this.#count = 0;
    const problems = this.#problems.length;
    const functions = this.#functions.length;
    const value = this.#value(stored, 0);
    if (this.#count > MAXIMUM_VALUES) {
      this.#problems.length = problems;
      this.#functions.length = functions;
      this.#problem(`it has more than ${MAXIMUM_VALUES} values`);
      return;
    }
    if (value !== undefined) this.#documents.push({ table, key, value });
  }

  /** A value without the functions in it, which are noted; undefined if nothing is left. */
  #value(stored: StoredValue, depth: number): Value | undefined {
    if (++this.#count > MAXIMUM_VALUES) return undefined;
    switch (stored.type) {
      case 'nil':
        return undefined;
      case 'boolean':
        return stored.value;
      case 'integer':
        return small(stored.value);
      case 'float':
        return Number.isInteger(stored.value) ? new CuFloat(stored.value) : stored.value;
      case 'string':
        return textOf(stored.value);
      case 'bytecode':
        this.#functions.push({ path: [...this.#path], from: stored.value });
        return undefined;
      case 'library': {
        const name = libraryName(stored.value);
        if (name === undefined) this.#problem('it was a function that the older module had no name for');
        else this.#functions.push({ path: [...this.#path], from: name });
        return undefined;
      }
      case 'table':
        return this.#table(stored.value, depth);
      case 'damaged':
        this.#problem(stored.reason);
        return undefined;
    }
  }

  #table(id: number, depth: number): Value | undefined {
    if (depth === MAXIMUM_DEPTH) {
      this.#problem(`there are more than ${MAXIMUM_DEPTH} tables inside each other`);
      return undefined;
    }
    if (!this.#enter(id)) return undefined;
    const members: [PathKey, Value | null][] = [];
    for (const [text, member] of this.#entries(id)) {
      if (this.#count > MAXIMUM_VALUES) break;
      this.#at(this.#key(text), (key) => {
        // A function keeps its place, so that a list stays one.
        members.push([key, this.#value(member, depth + 1) ?? null]);
      });
    }
    this.#above.delete(id);
    return listOf(members) ?? new Map(members.filter(([, member]) => member !== null));
  }

  /** Goes to a key of the table at hand, and back. */
  #at(key: PathKey, work: (key: PathKey) => void): void {
    this.#path.push(key);
    work(key);
    this.#path.pop();
  }

  /** Begins with a table, unless it is not there or is inside of itself. */
  #enter(id: number): boolean {
    if (!this.#stored.tables.has(id)) this.#problem(`its table ${id} is missing`);
    else if (this.#above.has(id))
      this.#problem('it is a table that contains itself, which a document can not');
    else {
      this.#above.add(id);
      return true;
    }
    return false;
  }

  #entries(id: number): Iterable<[string, StoredValue]> {
    return this.#stored.tables.get(id)!;
  }

  #key(text: string): PathKey {
    if (this.#keys === 'texts' || !INTEGER.test(text)) return text;
    const number = BigInt(text);
    return BigInt.asIntN(64, number) === number ? small(number) : text;
  }

  /** Notes what is wrong where it is at hand. */
  #problem(reason: string): void {
    this.#problems.push({ path: pathText(this.#path), reason });
  }
}

/** The path of a value as Lua writes it. */
export function pathText(path: readonly PathKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key !== 'string') return `${text}[${key}]`;
    return /^[A-Za-z_]\w*$/.test(key) ? `${text}.${key}` : `${text}[${JSON.stringify(key)}]`;
  }, '_home');
}

/** The members as a list, if their keys are 1, 2, 3 and so on. */
function listOf(members: readonly [PathKey, Value | null][]): Value[] | undefined {
  const list: Value[] = [];
  for (const [key, member] of members) {
    if (typeof key !== 'number' || key < 1 || key > members.length || list[key - 1] !== undefined)
      return undefined;
    list[key - 1] = member;
  }
  return members.length === 0 ? undefined : list;
}

function small(number: bigint): number | bigint {
  return BigInt.asIntN(53, number) === number ? Number(number) : number;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A text, or bytes that are none. */
function textOf(bytes: Uint8Array): string | Uint8Array {
  try {
    return utf8.decode(bytes);
  } catch {
    return bytes;
  }
}
