import { Dexie, type Table } from 'dexie';
import type { Person } from '../documents.ts';
import { type Subject, type WorkloadTimes, workload } from './workload.ts';

class InDexie implements Subject {
  readonly #database = new Dexie('dexie');
  #people!: Table<Person, number>;

  async open(): Promise<void> {
    this.#database.version(1).stores({ people: ', team, score' });
    await this.#database.open();
    this.#people = this.#database.table('people');
  }

  async putAll(documents: readonly Person[]): Promise<void> {
    await this.#people.bulkPut(
      documents,
      documents.map((_, key) => key),
    );
  }

  async put(key: number, document: Person): Promise<void> {
    await this.#people.put(document, key);
  }

  async team(team: number): Promise<number> {
    return (await this.#people.where('team').equals(team).toArray()).length;
  }

  scores(low: number, high: number): Promise<number> {
    return this.#people.where('score').between(low, high, true, true).count();
  }

  async born(year: number): Promise<number> {
    return (await this.#people.filter((person) => person.born === year).toArray()).length;
  }

  async close(): Promise<void> {
    this.#database.close();
  }
}

export default function run(input: { documents: number }): Promise<WorkloadTimes> {
  return workload(new InDexie(), input.documents);
}
