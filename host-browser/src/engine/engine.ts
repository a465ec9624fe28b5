/** The component: its code, compiled once for all databases, and instances of it. */
import { compileMain } from '#compile-main';
import { CuError } from '../errors.ts';
import { adapters } from '../generated/adapters.ts';
import { type ImportObject, instantiate, type Root } from '../generated/cu.js';
import { consoleImport, type Session, storeImport } from '../store/imports.ts';
import { type HostFunctions, hostImport } from './host.ts';
import { wasi } from './wasi.ts';

/** The exports of one instance. Calls are synchronous and throw what the component reports. */
export type Engine = Pick<
  Root,
  'tables' | 'documents' | 'indexes' | 'queries' | 'lua' | 'functions' | 'changes' | 'admin' | 'archive'
>;

/** A module that runs only with the final exception-handling instructions: an empty `try_table`. */
const EXCEPTIONS = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x04, 0x01, 0x60, 0x00, 0x00],
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x0a, 0x08, 0x01, 0x06, 0x00, 0x1f, 0x40, 0x00, 0x0b, 0x0b],
);

/** The component's modules by the names that its bindings use. */
export type Code = ReadonlyMap<string, WebAssembly.Module>;

let code: Promise<Code> | undefined;

/** Compiles the component. All databases share the outcome; a failure is not kept. */
export function loadCode(main?: WebAssembly.Module): Promise<Code> {
  if (main !== undefined) return compileAll(Promise.resolve(main));
  code ??= compileAll(compileMain()).catch((error: unknown) => {
    code = undefined;
    throw error;
  });
  return code;
}

async function compileAll(main: Promise<WebAssembly.Module>): Promise<Code> {
  if (typeof WebAssembly === 'undefined' || !WebAssembly.validate(EXCEPTIONS)) {
    main.catch(() => {});
    throw new CuError(
      'unsupported-engine',
      'This JavaScript engine lacks the exception handling of WebAssembly 3.0; ' +
        'Chrome 137, Firefox 131, Safari 18.4 and Node 22 have it.',
    );
  }
  try {
    const entries = Object.entries(adapters).map(
      async ([name, base64]) => [name, await WebAssembly.compile(fromBase64(base64))] as const,
    );
    return new Map([['cu.core.wasm', await main], ...(await Promise.all(entries))]);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CuError('unsupported-engine', `The component can't be loaded: ${reason}`, { cause });
  }
}

/** Makes an instance over a session. */
export function makeEngine(modules: Code, session: Session, functions: HostFunctions): Engine {
  const imports = {
    ...wasi,
    'cu:db/store': storeImport(session),
    'cu:db/console': consoleImport(session),
    'cu:db/host': hostImport(functions),
  };
  // The generated type names the imports by version and lists more members than are used.
  return instantiate((name) => modules.get(name)!, imports as unknown as ImportObject);
}

function fromBase64(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
