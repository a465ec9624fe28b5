/**
 * The interfaces of WASI that the component imports: clocks and a seed. Nothing here can
 * reach a file, the network or the page. The build fails when the component asks for more.
 */
import type { CoreImports } from './abi/instantiate.ts';

/** The functions by interface, as the core module takes them. */
export const wasi: CoreImports = {
  'wasi:clocks/wall-clock': {
    now: (memory) => (at) => {
      const now = Date.now();
      memory.view.setBigUint64(Number(at), BigInt(Math.floor(now / 1000)), true);
      memory.view.setUint32(Number(at) + 8, (now % 1000) * 1_000_000, true);
      return undefined;
    },
  },
  'wasi:clocks/monotonic-clock': {
    now: () => () => BigInt(Math.round(performance.now() * 1_000_000)),
  },
  'wasi:random/insecure-seed': {
    'insecure-seed': (memory) => (at) => {
      for (const offset of [0, 8]) memory.view.setBigUint64(Number(at) + offset, randomNumber(), true);
      return undefined;
    },
  },
};

function randomNumber(): bigint {
  return crypto.getRandomValues(new BigUint64Array(1))[0]!;
}
