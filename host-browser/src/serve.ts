/**
 * For workers of one's own: what the worker that `open` starts does.
 *
 * @module cu-db/serve
 */
export { type ServeOptions, serve } from './connection/serve.ts';
export type { HostFunctions } from './engine/host.ts';
