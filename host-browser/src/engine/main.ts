/** The component's main module: compiled once for all databases of the page, whichever thread runs it. */
import { compileMain } from '#compile-main';
import { CuError } from '../errors.ts';

/** A module that runs only with the final exception-handling instructions: an empty `try_table`. */
const EXCEPTIONS = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x04, 0x01, 0x60, 0x00, 0x00],
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x0a, 0x08, 0x01, 0x06, 0x00, 0x1f, 0x40, 0x00, 0x0b, 0x0b],
);

let main: Promise<WebAssembly.Module> | undefined;

/** Compiles the main module, unless it was given. A failure is not kept. */
export async function loadMain(given?: WebAssembly.Module): Promise<WebAssembly.Module> {
  if (typeof WebAssembly === 'undefined' || !WebAssembly.validate(EXCEPTIONS)) {
    throw new CuError(
      'unsupported-engine',
      'This JavaScript engine lacks the exception handling of WebAssembly 3.0; ' +
        'Chrome 137, Firefox 131, Safari 18.4 and Node 22 have it.',
    );
  }
  if (given !== undefined) return given;
  main ??= compileMain();
  try {
    return await main;
  } catch (cause) {
    main = undefined;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CuError('unsupported-engine', `The component can't be loaded: ${reason}`, { cause });
  }
}
