/** What a script prints, on its way from the worker to the page. */

/** Where the workers of all pages tell it. */
export const LINES_CHANNEL = 'cu-playground-lines';

export interface Lines {
  /** The name of the worker. */
  readonly from: string;
  readonly text: string;
}

/** Stands in front of a script, on its first line, so that lines keep their numbers: `print` says it at once. */
export const PRELUDE =
  'function print(...) local t = table.pack(...) for i = 1, t.n do t[i] = tostring(t[i]) end host.say(table.concat(t, "\\t")) end ';
