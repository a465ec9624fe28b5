/** The documents of the native bench, from the same seed: about 150 bytes of CBOR, with two fields to index. */

export const SEED = 1n;
/** Documents that share a value of `team`. */
export const TEAM = 10;

export interface Person {
  /** One of a tenth as many as there are documents; each has ten. */
  readonly team: number;
  /** Nearly unique. */
  readonly score: number;
  readonly name: string;
  readonly email: string;
  readonly born: number;
  readonly active: boolean;
  readonly height: number;
  readonly tags: readonly [string, string];
}

/** Splitmix64. */
export class Random {
  #state: bigint;

  constructor(seed: bigint) {
    this.#state = seed;
  }

  next(): bigint {
    this.#state = BigInt.asUintN(64, this.#state + 0x9e3779b97f4a7c15n);
    let mixed = this.#state;
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n);
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
    return mixed ^ (mixed >> 31n);
  }

  below(limit: number): number {
    return Number(this.next() % BigInt(limit));
  }

  word(): string {
    return (this.next() & 0xffffffn).toString(16).padStart(6, '0');
  }
}

/** The document of a number, among so many. */
export function person(number: number, documents: number): Person {
  const random = new Random(SEED ^ (BigInt(number) << 20n));
  const name = `${random.word()} ${random.word()}`;
  const score = Number(random.next() >> 24n);
  const email = `${random.word()}@example.com`;
  return {
    team: number % Math.max(1, Math.floor(documents / TEAM)),
    score,
    name,
    email,
    born: 1930 + random.below(90),
    active: random.below(2) === 0,
    height: 1.5 + random.below(1000) / 1536,
    tags: [random.word(), random.word()],
  };
}

/** All documents of a table of so many. */
export function people(documents: number): Person[] {
  return Array.from({ length: documents }, (_, number) => person(number, documents));
}
