import { createRxDatabase, type RxCollection, type RxJsonSchema, type RxQuery, uncacheRxQuery } from 'rxdb';
import { getRxStorageDexie } from 'rxdb/plugins/storage-dexie';
import type { Person } from '../documents.ts';
import { type Subject, type WorkloadTimes, workload } from './workload.ts';

/** Its keys are texts. */
type Stored = Person & { readonly id: string };

const number = { type: 'number', multipleOf: 1, minimum: 0 } as const;

const SCHEMA: RxJsonSchema<Stored> = {
  version: 0,
  primaryKey: 'id',
  type: 'object',
  properties: {
    id: { type: 'string', maxLength: 12 },
    team: { ...number, maximum: 1e7 },
    score: { ...number, maximum: 2 ** 40 },
    name: { type: 'string' },
    email: { type: 'string' },
    born: { type: 'number' },
    active: { type: 'boolean' },
    height: { type: 'number' },
    tags: { type: 'array', items: { type: 'string' } },
  },
  required: ['id', 'team', 'score'],
  indexes: ['team', 'score'],
};

const keyed = (key: number, document: Person): Stored => ({ id: String(key).padStart(12, '0'), ...document });

class InRxDb implements Subject {
  #people!: RxCollection<Stored>;

  async open(): Promise<void> {
    const database = await createRxDatabase({
      name: 'rxdb',
      storage: getRxStorageDexie(),
      multiInstance: false,
    });
    ({ people: this.#people } = await database.addCollections({ people: { schema: SCHEMA } }));
  }

  async putAll(documents: readonly Person[]): Promise<void> {
    const { error } = await this.#people.bulkInsert(documents.map((document, key) => keyed(key, document)));
    if (error[0] !== undefined) throw new Error(`a document was refused: ${error[0].status}`);
  }

  /** All keys that are put are new; `upsert` would read first. */
  async put(key: number, document: Person): Promise<void> {
    await this.#people.insert(keyed(key, document));
  }

  async team(team: number): Promise<number> {
    return (await this.#ask(this.#people.find({ selector: { team } }))).length;
  }

  scores(low: number, high: number): Promise<number> {
    return this.#ask(this.#people.count({ selector: { score: { $gte: low, $lte: high } } }));
  }

  async born(year: number): Promise<number> {
    return (await this.#ask(this.#people.find({ selector: { born: year } }))).length;
  }

  async close(): Promise<void> {
    await this.#people.database.close();
  }

  /** What a query has found is not kept: the others keep no results either. */
  async #ask<Result>(query: RxQuery<Stored, Result>): Promise<Result> {
    const result = await query.exec();
    uncacheRxQuery(this.#people._queryCache, query);
    return result;
  }
}

export default function run(input: { documents: number }): Promise<WorkloadTimes> {
  return workload(new InRxDb(), input.documents);
}
