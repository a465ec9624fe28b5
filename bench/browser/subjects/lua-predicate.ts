import { LuaFactory } from 'wasmoon';
import { people } from '../documents.ts';
import { median } from '../measure.ts';
import { WASM } from './wasmoon.ts';
import { PREDICATE, type PredicateTimes } from './workload.ts';

/** A predicate in wasmoon, on documents of JavaScript. */
export default async function run(input: { documents: number }): Promise<PredicateTimes> {
  const all = people(input.documents);
  const engine = await new LuaFactory(WASM).createEngine();
  const tall = await engine.doString(PREDICATE);
  let found = 0;
  const each = await median(3, 1, () => {
    found = all.filter((person) => tall(person)).length;
  });
  engine.global.close();
  return { predicate: each / input.documents, found };
}
