/** The calls of the module `cu` 2.1, in an order in which each can be run. The page shows what stands in each function. */
import cu from 'cu-db/cu-api';
import { IoWrapper } from 'cu-db/io-wrapper';

export async function loadAndInit() {
  return [await cu.load({ name: 'announced-2.1' }), cu.init()];
}

export async function compute() {
  const bytes = await cu.compute('print("hello")  return 6 * 7');
  return cu.readResult(cu.getBufferPtr(), bytes);
}

export async function memory() {
  await cu.compute('_home.visits = (_home.visits or 0) + 1');
  return cu.computeValue('return _home.visits');
}

export async function bigint() {
  return cu.computeValue('local big = require("bigint")  return tostring(big.new("2") ^ 100)');
}

export async function inputAndOutput() {
  cu.setInput({ numbers: [1, 2, 3] });
  await cu.compute(
    'local sum = 0  for _, n in ipairs(_io.input.numbers) do sum = sum + n end  _io.output = {sum = sum}',
  );
  return cu.getOutput();
}

export async function computeWithIo() {
  return new IoWrapper().computeWithIo('_io.output = _io.input.name:upper()', { name: 'ada' });
}

export async function failure() {
  const bytes = await cu.compute('error("no", 0)');
  return [bytes, cu.readBuffer(cu.getBufferPtr(), -bytes)];
}

export async function saveState() {
  return [await cu.saveState(), await cu.loadState()];
}

export async function tables() {
  return [cu.getTableInfo(), cu.getMemoryStats()];
}
