import { open } from 'cu-db';
import { people } from '../documents.ts';
import { median } from '../measure.ts';
import { PREDICATE, type PredicateTimes, TABLE } from './workload.ts';

/** A persisted predicate on each document, in Lua. */
export default async function run(input: { documents: number }): Promise<PredicateTimes> {
  const database = await open('predicate');
  await database.apply(
    people(input.documents).map((value, key) => ({ op: 'put', table: TABLE, key, value }) as const),
  );
  await database.persistFunction('rules', 'tall', PREDICATE);
  let found = -1;
  const each = await median(3, 1, async () => {
    found = await database.count({ table: TABLE, where: { lua: { table: 'rules', name: 'tall' } } });
  });
  await database.close();
  return { predicate: each / input.documents, found };
}
