/** Documents as JSON lines: as `cu export --rows` writes them, or with their key among their members. */
import { CuError, type Operation, type Value } from 'cu-db';
import { fromJson, isMap, toJson } from '../base/json.ts';
import { keyOf, keyText } from '../base/keys.ts';
import { read, write } from '../base/session.ts';

export interface LinesImport {
  readonly table: string;
  /** The member that has the key; without, each line is a map with `key` and `value`. */
  readonly member?: string;
  readonly onProgress?: (documents: number) => void;
}

/** Puts the documents of a text into a table, all or none, and tells how many. */
export async function importLines(text: string, { table, member, onProgress }: LinesImport): Promise<number> {
  let documents = 0;
  const operations = function* (): Generator<Operation> {
    for (const [at, line] of text.split('\n').entries()) {
      if (line.trim() === '') continue;
      yield { op: 'put', table, ...rowOf(line, at + 1, member) };
      if (++documents % 1000 === 0) onProgress?.(documents);
    }
  };
  await write((db) => db.apply(operations()));
  return documents;
}

function rowOf(line: string, number: number, member: string | undefined) {
  const place = `line ${number}`;
  const refuse = (problem: string) => new CuError('invalid-value', `Line ${number} ${problem}`, { place });
  let document: Value;
  try {
    document = fromJson(line);
  } catch (error) {
    throw refuse(`can't be read: ${(error as Error).message}`);
  }
  if (!isMap(document)) throw refuse('is no JSON object; each line has to be one.');
  const key = document[member ?? 'key'];
  if (key === undefined) throw refuse(`has no member "${member ?? 'key'}" to be its key.`);
  if (member === undefined && document.value === undefined) {
    throw refuse('has no member "value"; say which member has the key if the lines are documents.');
  }
  const value = member === undefined ? document.value : document;
  return { key: keyOf(toJson(key)), value: value as never };
}

/** All documents of a table. */
export async function exportLines(table: string): Promise<Blob> {
  const parts: string[] = [];
  await read(async (db) => {
    for await (const [key, value] of db.scan(table)) {
      const said = keyText(key);
      parts.push(
        `{"key": ${/^(["{]|-?\d)/.test(said) ? said : JSON.stringify(said)}, "value": ${toJson(value)}}\n`,
      );
    }
  });
  return new Blob(parts, { type: 'application/x-ndjson' });
}
