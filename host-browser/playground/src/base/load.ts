/** Values that come later, and are asked for anew when something changes. */
import { useEffect, useState } from 'preact/hooks';

export interface Loaded<T> {
  readonly value: T | undefined;
  readonly error: unknown;
}

/** What `load` gives, from the last time that it was through; it is called again when one of `inputs` changes. */
export function useLoaded<T>(load: () => Promise<T>, inputs: readonly unknown[]): Loaded<T> {
  const [loaded, setLoaded] = useState<Loaded<T>>({ value: undefined, error: undefined });
  useEffect(() => {
    let wanted = true;
    load().then(
      (value) => wanted && setLoaded({ value, error: undefined }),
      (error: unknown) => wanted && setLoaded({ value: undefined, error }),
    );
    return () => {
      wanted = false;
    };
  }, inputs);
  return loaded;
}
