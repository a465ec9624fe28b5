/** Conditions: which operators a field has, and what each compares it with. */
import type { CuFloat, Value } from '../cbor/values.ts';
import type { At, FieldPath, IsLoose, TextPath } from './paths.ts';

/** The types of values that the operator `type` knows. */
export type TypeName =
  | 'null'
  | 'boolean'
  | 'integer'
  | 'float'
  | 'number'
  | 'text'
  | 'bytes'
  | 'list'
  | 'map'
  | 'function';

/** A part of the order of values; an end that is absent is none. */
export interface Range<V> {
  readonly lower?: V;
  readonly upper?: V;
  /** Whether the end itself is left out. */
  readonly lowerOpen?: boolean;
  readonly upperOpen?: boolean;
}

/** What each operator compares a field of any type with. */
interface LooseOperands {
  '=': Value;
  '!=': Value;
  '<': Value;
  '<=': Value;
  '>': Value;
  '>=': Value;
  between: readonly [Value, Value] | Range<Value>;
  in: readonly Value[];
  'not in': readonly Value[];
  contains: Value;
  startsWith: string;
  endsWith: string;
  /** A Lua pattern that occurs in the text. */
  matches: string;
  exists: boolean;
  type: TypeName | readonly TypeName[];
  /** The paths of the inner condition begin at the elements of the list. */
  any: Condition<unknown>;
  all: Condition<unknown>;
}

export type Operator = keyof LooseOperands;

/** All ways to say a value of a type: numbers are compared by what they are worth. */
type Said<V> = V extends number | bigint | CuFloat ? number | bigint | CuFloat : V;

type Scalar = boolean | number | bigint | string | Uint8Array | CuFloat;

type Texts<V> = [Extract<V, string>] extends [never] ? never : string;

type Elements<V> = IfList<V, Extract<V, readonly unknown[]>[number]>;

type IfList<V, Then> = [Extract<V, readonly unknown[]>] extends [never] ? never : Then;

/** What comes before or behind other values of its type in a way that anyone would ask for: no map, no function. */
type Ordered<V> = Said<Extract<V, Scalar | readonly unknown[]>>;

type IfOrdered<V, Then> = [Ordered<V>] extends [never] ? never : Then;

interface Operands<V> {
  '=': Said<V> | null;
  '!=': Said<V> | null;
  '<': Ordered<V>;
  '<=': Ordered<V>;
  '>': Ordered<V>;
  '>=': Ordered<V>;
  between: IfOrdered<V, readonly [Ordered<V>, Ordered<V>] | Range<Ordered<V>>>;
  in: readonly (Said<V> | null)[];
  'not in': readonly (Said<V> | null)[];
  contains: Texts<V> | Said<Elements<V>>;
  startsWith: Texts<V>;
  endsWith: Texts<V>;
  matches: Texts<V>;
  exists: boolean;
  type: TypeName | readonly TypeName[];
  any: IfList<V, Condition<Elements<V>>>;
  all: IfList<V, Condition<Elements<V>>>;
}

type OperandsOf<V> = IsLoose<V> extends true ? LooseOperands : Operands<NonNullable<V>>;

/** The operators that make sense for a field of a type. */
export type OperatorOf<V> =
  IsLoose<V> extends true
    ? Operator
    : { [Op in Operator]: [Operands<NonNullable<V>>[Op]] extends [never] ? never : Op }[Operator];

/** What an operator compares a field of a type with. */
export type OperandOf<V, Op extends Operator> = OperandsOf<V>[Op];

type FieldCondition<Path, V> = {
  [Op in OperatorOf<V>]: { readonly field: Path; readonly op: Op; readonly value: OperandOf<V, Op> };
}[OperatorOf<V>];

/** A persisted function that is called with the document and its key; true for those that are wanted. */
export interface LuaPredicate {
  readonly table: string;
  readonly name: string;
  readonly arguments?: readonly Value[];
}

/** A condition on documents of a type; on any documents if none is given. */
export type Condition<T = unknown> =
  | (IsLoose<T> extends true
      ? FieldCondition<FieldPath, unknown>
      :
          | { [Path in TextPath<T>]: FieldCondition<Path, At<T, Path>> }[TextPath<T>]
          | FieldCondition<readonly (string | number)[], unknown>)
  | { readonly and: readonly Condition<T>[] }
  | { readonly or: readonly Condition<T>[] }
  | { readonly not: Condition<T> }
  | { readonly lua: LuaPredicate };
