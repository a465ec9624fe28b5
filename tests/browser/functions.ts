/** The functions of the host that the cases call. */
import type { HostFunctions, Value } from '../../host-browser/src/index.ts';

export const functions: HostFunctions = {
  echo: (value) => value as Value | undefined,
  fail: () => {
    throw new Error('the host says no');
  },
};
