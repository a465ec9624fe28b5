/** Where wasmoon finds its WebAssembly. */
export const WASM = '/bench/browser/node_modules/wasmoon/dist/glue.wasm';
