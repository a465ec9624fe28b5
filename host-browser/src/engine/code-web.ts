/** Where browsers and workers find the component's main module: beside the script. */

/** Compiles the module while it arrives, or after it if the server gives it another type. */
export async function compileMain(): Promise<WebAssembly.Module> {
  const response = await fetch(new URL('./cu.core.wasm', import.meta.url));
  if (!response.ok) throw new Error(`the server answers ${response.status} for ${response.url}`);
  if (response.headers.get('content-type')?.startsWith('application/wasm')) {
    return WebAssembly.compileStreaming(response);
  }
  return WebAssembly.compile(await response.arrayBuffer());
}
