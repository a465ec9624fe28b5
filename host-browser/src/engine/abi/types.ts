/** The types of `wit/`, as data: what the generated `contract.ts` consists of. */

export type Type =
  | 'bool'
  | 'u32'
  | 'u64'
  | 's64'
  | 'string'
  /** `list<u8>`. */
  | 'bytes'
  | { readonly list: Type }
  | { readonly option: Type }
  | { readonly tuple: readonly Type[] }
  | { readonly record: readonly (readonly [name: string, type: Type])[] }
  | { readonly variant: readonly (readonly [tag: string, type?: Type])[] }
  | { readonly enum: readonly string[] }
  /** A resource of the host's, which the component holds by a number. */
  | { readonly own: string }
  | { readonly borrow: string };

/** A function: its parameters, its result if it has one, and the error in place of it if it may fail. */
export interface Signature {
  readonly parameters: readonly Type[];
  readonly result?: Type;
  readonly error?: Type;
}

/** Signatures by interface and name, as the component has them. */
export type Interfaces = Readonly<Record<string, Readonly<Record<string, Signature>>>>;
