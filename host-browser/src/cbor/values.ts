/** The JavaScript side of the data model. */

/**
 * A number that is a float even if it is whole. JavaScript's `1` is sent as an integer; where Lua
 * shall see `1.0`, send `new CuFloat(1)`. Results come back as plain numbers.
 */
export class CuFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/**
 * A function in a document: call it with `Database.callFunction`. A persisted one has a number, which means
 * something to its own database only; one of the standard library, or of the host, has a name.
 */
export class CuFunctionRef {
  readonly id: number | undefined;
  readonly name: string | undefined;

  constructor(reference: number | string) {
    this.id = typeof reference === 'number' ? reference : undefined;
    this.name = typeof reference === 'string' ? reference : undefined;
  }
}

/**
 * What can be stored and returned. `undefined` is left out of objects and is null in arrays.
 * A `Map` is a map whose keys need not be texts.
 */
export type Value =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | CuFloat
  | CuFunctionRef
  | readonly Value[]
  | ReadonlyMap<Value, Value>
  | { readonly [member: string]: Value };

/** `T` if all in it can be stored. Interfaces are no `Value`, since they may get more members elsewhere. */
export type Storable<T> = T extends Value
  ? T
  : T extends ((...args: never) => unknown) | Date | RegExp | Promise<unknown> | ReadonlySet<unknown> | symbol
    ? never
    : { readonly [Name in keyof T]: Storable<T[Name]> };

/** The CBOR tag of functions, around the number or the name. */
export const FUNCTION_TAG = 40_000;

/** The CBOR tags of integers beyond 64 bits: of 0 and more, and below. */
export const POSITIVE_TAG = 2;
export const NEGATIVE_TAG = 3;

/** Whether something is an object without a class, made in this realm or another. */
export function isPlainObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
