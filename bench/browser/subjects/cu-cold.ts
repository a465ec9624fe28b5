import { open } from 'cu-db';
import { TEAM } from '../documents.ts';
import { expect, timed } from '../measure.ts';
import { TABLE } from './workload.ts';

/** Opens what the workload has left, in a new page, and asks it something. */
export default async function run(input: {
  documents: number;
}): Promise<{ readonly cold: number; readonly longest?: number }> {
  const tasks: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) tasks.push(entry.duration);
  });
  // Only Chromium tells long tasks.
  const tellsTasks = PerformanceObserver.supportedEntryTypes.includes('longtask');
  if (tellsTasks) observer.observe({ type: 'longtask' });
  // The workload has put more people in the first of the teams.
  const team = input.documents / TEAM - 1;
  const [database, cold] = await timed(async () => {
    const database = await open('bench');
    const found = await database.query({ table: TABLE, where: { field: 'team', op: '=', value: team } });
    expect(found.length, TEAM, 'documents of a team');
    return database;
  });
  // Long tasks are told after they have ended, with the next one.
  await new Promise((resolve) => setTimeout(resolve));
  const longest = Math.max(0, ...tasks, ...observer.takeRecords().map(({ duration }) => duration));
  observer.disconnect();
  await database.close();
  return { cold, ...(tellsTasks && { longest }) };
}
