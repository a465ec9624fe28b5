import { type Database, open } from 'cu-db';
import type { Person } from '../documents.ts';
import { type Subject, TABLE, type WorkloadTimes, workload } from './workload.ts';

class Cu implements Subject {
  readonly #options: { readonly worker: boolean };
  #database!: Database;

  constructor(worker: boolean) {
    this.#options = { worker };
  }

  async open(): Promise<void> {
    this.#database = await open('bench', this.#options);
    // The others keep no results either.
    await this.#database.setLimits({ cacheSize: 0 });
    await this.#database.createIndex(TABLE, ['team']);
    await this.#database.createIndex(TABLE, ['score']);
  }

  async putAll(documents: readonly Person[]): Promise<void> {
    await this.#database.apply(
      documents.map((value, key) => ({ op: 'put', table: TABLE, key, value }) as const),
    );
  }

  put(key: number, document: Person): Promise<void> {
    return this.#database.put(TABLE, key, document);
  }

  async team(team: number): Promise<number> {
    const found = await this.#database.query({
      table: TABLE,
      where: { field: 'team', op: '=', value: team },
    });
    return found.length;
  }

  scores(low: number, high: number): Promise<number> {
    return this.#database.count({
      table: TABLE,
      where: { field: 'score', op: 'between', value: [low, high] },
    });
  }

  async born(year: number): Promise<number> {
    const found = await this.#database.query({
      table: TABLE,
      where: { field: 'born', op: '=', value: year },
    });
    return found.length;
  }

  async memory(): Promise<number> {
    return (await this.#database.storage()).bytes;
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}

/** The workload with the engine in a worker, or in the page. */
export default function run(input: { documents: number; worker: boolean }): Promise<WorkloadTimes> {
  return workload(new Cu(input.worker), input.documents);
}
