/** Where Node finds the component's main module: beside the script, in the file system. */
import { readFile } from 'node:fs/promises';

export async function compileMain(): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await readFile(new URL('./cu.core.wasm', import.meta.url)));
}
