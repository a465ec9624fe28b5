// Runs walks of the fuzzer in WebAssembly: run.mjs MODULE FIRST-SEED SEEDS. Ends at the first trap.
import { readFile } from 'node:fs/promises';

const [path, first, count] = process.argv.slice(2);
const module = await WebAssembly.compile(await readFile(path));
// The clock seeds Lua's random numbers, and stands still so that a walk is always the same.
const clock_time_get = (_clock, _precision, result) => {
  new DataView(exports.memory.buffer).setBigUint64(result, 0n, true);
  return 0;
};
const imports = {};
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  imports[from] ??= {};
  // A walk needs nothing from outside: it calls this only to say why it gives up.
  imports[from][name] = () => {
    throw new Error(`${from} ${name} was called`);
  };
  if (name === 'clock_time_get') imports[from][name] = clock_time_get;
}
const { exports } = await WebAssembly.instantiate(module, imports);
exports._initialize?.();
let accepted = 0;
const begin = BigInt(first);
for (let seed = begin; seed < begin + BigInt(count); seed++) {
  try {
    accepted += exports.walk_from(seed);
  } catch (error) {
    console.error(`seed ${seed}: ${error.stack}`);
    process.exit(1);
  }
}
console.log(`seeds ${first} and ${count} more: ${count * 32} mutants, ${accepted} accepted, no trap`);
