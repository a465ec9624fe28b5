/** Paths to fields, as far as a type of documents lets TypeScript check them. */
import type { Decoded } from '../cbor/decode.ts';
import type { CuFloat, CuFunctionRef } from '../cbor/values.ts';

/** A path to a field: names between dots, or names and list positions from 1. */
export type FieldPath = string | readonly (string | number)[];

/** Whether a type says nothing of what is inside: every path and every operand is right then. */
export type IsLoose<T> = unknown extends T ? true : Decoded extends T ? true : false;

type Leaf =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | CuFloat
  | CuFunctionRef
  | readonly unknown[]
  | ReadonlyMap<unknown, unknown>;

/** The paths of `T` that are a text. Behind five names, any name is taken: types may contain themselves. */
export type TextPath<T, Depth extends unknown[] = []> =
  IsLoose<T> extends true
    ? string
    : Depth['length'] extends 5
      ? string
      : T extends Leaf
        ? never
        : {
            [Name in keyof T & string]: Name | `${Name}.${TextPath<NonNullable<T[Name]>, [...Depth, 0]>}`;
          }[keyof T & string];

/** The paths of `T`. Those that are arrays are checked by what is at their end only. */
export type PathOf<T> = TextPath<T> | readonly (string | number)[];

type Member<T, Name> = T extends unknown
  ? Name extends keyof T
    ? T[Name]
    : T extends readonly (infer Element)[]
      ? Name extends number
        ? Element
        : undefined
      : undefined
  : never;

/** What is at a path of `T`; `unknown` where the types do not say. */
export type At<T, Path> =
  IsLoose<T> extends true
    ? unknown
    : Path extends readonly []
      ? T
      : Path extends readonly [infer First, ...infer Rest]
        ? At<Member<NonNullable<T>, First>, Rest>
        : Path extends readonly unknown[]
          ? unknown
          : Path extends `${infer First}.${infer Rest}`
            ? At<Member<NonNullable<T>, First>, Rest>
            : Member<NonNullable<T>, Path>;

/** What is at a path of `T`, and null or undefined where something on the way to it may be that, or a list too short. */
export type Reached<T, Path> =
  IsLoose<T> extends true
    ? unknown
    : Path extends readonly []
      ? T
      : Path extends readonly [infer First, ...infer Rest]
        ?
            | Reached<Member<NonNullable<T>, First>, Rest>
            | Absent<T>
            | (First extends number ? undefined : never)
        : Path extends readonly unknown[]
          ? unknown
          : Path extends `${infer First}.${infer Rest}`
            ? Reached<Member<NonNullable<T>, First>, Rest> | Absent<T>
            : Member<NonNullable<T>, Path> | Absent<T>;

type Absent<T> = Extract<T, null | undefined>;

/** `T`, where it can only be given: TypeScript does not guess it from there. `NoInfer` stays around what it is given. */
export type Given<T> = [T][T extends unknown ? 0 : never];
