/** The component's import `host`: functions of the page that Lua may call. */
import { type Decoded, decode } from '../cbor/decode.ts';
import { encode } from '../cbor/encode.ts';
import type { Value } from '../cbor/values.ts';

/**
 * Functions that Lua calls as `host.name(…)`. They are synchronous, since Lua is; what one throws is a Lua
 * error, and what it does is not undone when the call fails. They must not call the database.
 */
export type HostFunctions = { readonly [name: string]: (...args: Decoded[]) => Value | undefined };

/** A failure as the bindings take it: an error whose payload is the text. */
class HostFailure extends Error {
  readonly payload: string;

  constructor(message: string) {
    super(message);
    this.payload = message;
  }
}

/** The import `cu:db/host`. */
export function hostImport(functions: HostFunctions): object {
  return {
    names: () => Object.keys(functions),
    call: (name: string, args: Uint8Array): Uint8Array => {
      try {
        const result = functions[name]!(...(decode(args) as Decoded[]));
        return encode(result === undefined ? null : result, `host.${name}`);
      } catch (error) {
        throw new HostFailure(error instanceof Error ? error.message : String(error));
      }
    },
  };
}
