/** Calls that the page runs, each with the text that it shows. */

export interface Call {
  readonly name: string;
  /** What stands in the function, as it runs. */
  readonly code: string;
  readonly run: () => Promise<unknown>;
}

/** The exported functions of a module, in the order of its source. */
export function callsOf(source: string, module: object): Call[] {
  const functions = module as Record<string, () => Promise<unknown>>;
  return [...source.matchAll(/^export async function (\w+)\(\) \{\n(.*?)^\}/gms)].map(([, name, body]) => ({
    name: name!,
    code: body!.replace(/^ {2}/gm, '').trimEnd(),
    run: functions[name!]!,
  }));
}
