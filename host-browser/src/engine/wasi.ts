/**
 * The interfaces of WASI that the component imports: clocks and a seed. Nothing here can
 * reach a file, the network or the page. The build fails when the component asks for more.
 */

/** The implementations by interface, without versions. */
export const wasi = {
  'wasi:clocks/wall-clock': {
    now() {
      const now = Date.now();
      return { seconds: BigInt(Math.floor(now / 1000)), nanoseconds: (now % 1000) * 1_000_000 };
    },
    resolution() {
      return { seconds: 0n, nanoseconds: 1_000_000 };
    },
  },
  'wasi:clocks/monotonic-clock': {
    now: () => BigInt(Math.round(performance.now() * 1_000_000)),
    resolution: () => 1_000n,
  },
  'wasi:random/random': {
    getRandomBytes(length: bigint) {
      const bytes = new Uint8Array(Number(length));
      // The platform hands out at most 64 KB at a time.
      for (let at = 0; at < bytes.length; at += 65_536) {
        crypto.getRandomValues(bytes.subarray(at, at + 65_536));
      }
      return bytes;
    },
    getRandomU64: randomNumber,
  },
  'wasi:random/insecure-seed': {
    insecureSeed: () => [randomNumber(), randomNumber()],
  },
};

function randomNumber(): bigint {
  return crypto.getRandomValues(new BigUint64Array(1))[0]!;
}
