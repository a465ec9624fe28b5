/** Lua in Cu beside wasmoon, which is the same Lua compiled by Emscripten. */
import { open } from 'cu-db';
import { LuaFactory } from 'wasmoon';
import { expect, median } from '../measure.ts';
import { WASM } from './wasmoon.ts';

/** Milliseconds of each workload: Cu's under its name, wasmoon's under `name/wasmoon`. */
export default async function run(input: {
  workloads: Record<string, string>;
}): Promise<Record<string, number>> {
  const database = await open('lua', { storage: 'memory', worker: false });
  const factory = new LuaFactory(WASM);
  const times: Record<string, number> = {};
  for (const [name, source] of Object.entries(input.workloads)) {
    // One that has run ten workloads fails in the next.
    const engine = await factory.createEngine();
    let ours: unknown;
    let theirs: unknown;
    times[name] = await median(5, 1, async () => {
      [ours] = await database.eval(source);
    });
    times[`${name}/wasmoon`] = await median(5, 1, async () => {
      theirs = await engine.doString(source);
    });
    engine.global.close();
    expect(Number(ours), Number(theirs), `what ${name} returns`);
  }
  await database.close();
  return times;
}
