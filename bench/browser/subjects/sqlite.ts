import { type Person, TEAM } from '../documents.ts';
import { type Subject, type WorkloadTimes, workload } from './workload.ts';

class Sqlite implements Subject {
  readonly #worker = new Worker('/target/bench-browser/sqlite-worker.js', { type: 'module' });
  readonly #waiting = new Map<number, (answer: [number, unknown, string?]) => void>();
  readonly #documents: number;
  #last = 0;
  /** Milliseconds of a query within the worker. */
  inside = 0;

  constructor(documents: number) {
    this.#documents = documents;
    this.#worker.onmessage = ({ data }) => this.#waiting.get(data[0])!(data);
  }

  #call<T>(name: string, ...values: unknown[]): Promise<T> {
    this.#last += 1;
    const id = this.#last;
    this.#worker.postMessage([id, name, values]);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ([, result, error]) => {
        this.#waiting.delete(id);
        if (error === undefined) resolve(result as T);
        else reject(new Error(error));
      });
    });
  }

  open(): Promise<void> {
    return this.#call('open');
  }
  putAll(documents: readonly Person[]): Promise<void> {
    return this.#call('putAll', documents);
  }
  put(key: number, document: Person): Promise<void> {
    return this.#call('put', key, document);
  }
  team(team: number): Promise<number> {
    return this.#call('team', team);
  }
  scores(low: number, high: number): Promise<number> {
    return this.#call('scores', low, high);
  }
  born(year: number): Promise<number> {
    return this.#call('born', year);
  }
  async close(): Promise<void> {
    this.inside = await this.#call('inside', this.#documents / TEAM);
    await this.#call('close');
    this.#worker.terminate();
  }
}

export default async function run(input: {
  documents: number;
}): Promise<WorkloadTimes & { readonly inside: number }> {
  const subject = new Sqlite(input.documents);
  const times = await workload(subject, input.documents);
  return { ...times, inside: subject.inside };
}
