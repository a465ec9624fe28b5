/** What each database does, in this order, on a new profile. */
import { type Person, people, Random, TEAM } from '../documents.ts';
import { expect, median, timed } from '../measure.ts';

export const TABLE = 'people';

/** A condition on two fields, in Lua. */
export const PREDICATE = 'return function(person) return person.height > 2 and person.born < 1960 end';

/** What a predicate took for one document, in milliseconds, and how many it has found. */
export interface PredicateTimes {
  readonly predicate: number;
  readonly found: number;
}

/** A database with one table of people, under numbers for keys. */
export interface Subject {
  /** Makes the empty table with its two indexes. */
  open(): Promise<void>;
  /** Stores all of them in one transaction. */
  putAll(documents: readonly Person[]): Promise<void>;
  put(key: number, document: Person): Promise<void>;
  /** The documents of a team. */
  team(team: number): Promise<number>;
  /** How many there are with a score from one to another, both included. */
  scores(low: number, high: number): Promise<number>;
  /** The documents of people born in a year; no index helps. */
  born(year: number): Promise<number>;
  /** Bytes of memory that hold the data, as far as the subject can tell. */
  memory?(): Promise<number>;
  close(): Promise<void>;
}

/** Milliseconds of what a database has done: of one call, where there are many. */
export interface WorkloadTimes {
  /** Of all documents. */
  readonly batch: number;
  readonly query: number;
  readonly count: number;
  readonly filter: number;
  readonly put: number;
  /** Of 300 puts at once. */
  readonly many: number;
  /** Bytes, where the subject can tell. */
  readonly memory?: number;
}

export async function workload(subject: Subject, documents: number): Promise<WorkloadTimes> {
  const all = people(documents);
  const teams = documents / TEAM;
  await subject.open();
  const [, batch] = await timed(() => subject.putAll(all));
  const random = new Random(2n);
  const query = await median(40, 50, async () => {
    expect(await subject.team(random.below(teams)), TEAM, 'documents of a team');
  });
  const [low, high] = [1 << 30, 2 ** 38];
  const scores = all.filter(({ score }) => score >= low && score <= high).length;
  const count = await median(20, 10, async () => {
    expect(await subject.scores(low, high), scores, 'scores in a range');
  });
  const born = all.filter((one) => one.born === 1999).length;
  const filter = await median(5, 1, async () => {
    expect(await subject.born(1999), born, 'people of a year');
  });
  const put = await median(20, 20, (turn) => subject.put(documents + turn, all[turn]!));
  const [, many] = await timed(() =>
    Promise.all(all.slice(0, 300).map((one, turn) => subject.put(2 * documents + turn, one))),
  );
  const memory = await subject.memory?.();
  await subject.close();
  return {
    batch,
    query,
    count,
    filter,
    put,
    many,
    ...(memory !== undefined && { memory }),
  };
}
