/** The component: its code, and instances of it. */
import { exported, imported } from '../generated/contract.ts';
import type { Root } from '../generated/cu.js';
import { consoleImport, type Session, storeImport } from '../store/imports.ts';
import { instantiate } from './abi/instantiate.ts';
import { type HostFunctions, hostImport } from './host.ts';
import { loadMain } from './main.ts';
import { wasi } from './wasi.ts';

/** The exports of one instance. Calls are synchronous and throw what the component reports. */
export type Engine = Pick<
  Root,
  'tables' | 'documents' | 'indexes' | 'queries' | 'lua' | 'functions' | 'changes' | 'admin' | 'archive'
>;

/** The component's code: its core module, compiled. */
export type Code = WebAssembly.Module;

/** The component's code, for who makes instances of it in this thread. */
export function loadCode(main?: WebAssembly.Module): Promise<Code> {
  return loadMain(main);
}

/** Makes an instance over a session. */
export function makeEngine(code: Code, session: Session, functions: HostFunctions): Engine {
  const hosts = {
    store: storeImport(session),
    console: consoleImport(session),
    host: hostImport(functions),
  };
  return instantiate(code, exported, imported, hosts, wasi) as unknown as Engine;
}
