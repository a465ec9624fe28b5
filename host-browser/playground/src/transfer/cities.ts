/** The sample data: the large cities of GeoNames, with two indexes and a function. */
import nearest from '../../../../scripts/lib/demo/nearest.lua?raw';
import { write } from '../base/session.ts';
import { importLines } from './lines.ts';

export async function loadCities(onProgress: (documents: number) => void): Promise<number> {
  const response = await fetch(new URL('cities.ndjson', document.baseURI));
  if (!response.ok)
    throw new Error(`cities.ndjson can't be loaded (${response.status}); is it beside the page?`);
  const documents = await importLines(await response.text(), { table: 'cities', member: 'id', onProgress });
  await write(async (db) => {
    await db.createIndex('cities', 'country');
    await db.createIndex('cities', 'population');
    await db.persistFunction('geo', 'nearest', nearest);
  });
  return documents;
}
