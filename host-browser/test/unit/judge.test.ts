/**
 * Generated queries, judged by mingo, which has MongoDB's semantics in JavaScript. `test/judge/mongo.ts` lists where
 * those differ. `CU_JUDGE_QUERIES` is how many, `CU_JUDGE_SEED` where the numbers begin.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aggregate, find } from 'mingo';
import { type Database, encode, type Operation, open, type Query, type Value } from '../../src/index.ts';
import { type Document, document, pick, query as randomQuery } from '../judge/generate.ts';
import { type Criteria, criteria } from '../judge/mongo.ts';
import { Random } from './random.ts';

const QUERIES = Number(process.env.CU_JUDGE_QUERIES ?? 2000);
const SEED = Number(process.env.CU_JUDGE_SEED ?? 1);
const QUERIES_PER_DATABASE = 50;

type Columns = readonly (string | { field: string; as: string })[];
const named = (columns: Columns) =>
  columns.map((column) => (typeof column === 'string' ? [column, column] : [column.as, column.field]));

/** What the judge says: keys with documents, or rows. */
function judged(documents: Document[], asked: Query): unknown[] {
  const match: Criteria = asked.where ? criteria(asked.where) : {};
  if (asked.distinct || asked.groupBy || asked.aggregate) return groups(documents, match, asked);
  const sort = [...(asked.sort as { field: string; descending: boolean }[])].reduceRight<
    Record<string, 1 | -1>
  >(
    // Of two sorts by one field, the first counts.
    (before, { field, descending }) => {
      const { [field]: _, ...others } = before;
      return { [field]: descending ? -1 : 1, ...others };
    },
    {},
  );
  let found = find<Document>(documents, match)
    .sort({ ...sort, _id: 1 })
    .all() as Document[];
  found = found.slice(asked.offset ?? 0).slice(0, asked.limit);
  if (asked.select === undefined) return found.map(({ _id, ...rest }) => [_id, rest]);
  const project = Object.fromEntries(named(asked.select as Columns).map(([as, path]) => [as, `$${path}`]));
  const projected = aggregate(found, [{ $project: { ...project, _id: 1 } }]) as Document[];
  return projected.map(({ _id, ...rest }) => [_id, present(rest)]);
}

/** The row that tells of no documents. */
const NOTHING = { count: 0, some: 0, sum: 0 };

function groups(documents: Document[], match: Criteria, asked: Query): unknown[] {
  const columns = named((asked.groupBy ?? asked.select ?? []) as Columns);
  const _id = Object.fromEntries(columns.map(([as, path]) => [as, { $ifNull: [`$${path}`, null] }]));
  const totals = Object.fromEntries(
    Object.entries(asked.aggregate ?? {}).map(([name, { op, field }]) => {
      if (op !== 'count') return [name, { [`$${op}`]: `$${field}` }];
      const there = { $cond: [{ $eq: [{ $ifNull: [`$${field}`, null] }, null] }, 0, 1] };
      return [name, { $sum: field === undefined ? 1 : there }];
    }),
  );
  const having: Criteria = asked.having ? criteria(asked.having) : {};
  let rows = aggregate(documents, [{ $match: match }, { $group: { _id, ...totals } }]) as object[];
  if (rows.length === 0 && columns.length === 0) rows = [NOTHING];
  return aggregate(rows, [{ $match: having }]).map(({ _id, ...rest }) =>
    present({ ...(_id as object), ...rest }),
  );
}

/** The members that have a value. */
function present(row: object): object {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null && value !== undefined));
}

/** Rows that come in another order on both sides, in one order. */
function sorted(rows: unknown[]): string[] {
  return rows.map((row) => Buffer.from(encode(row as Value)).toString('hex')).sort();
}

/** Indexes that serve some of the queries. */
async function index(db: Database, random: Random): Promise<void> {
  const fields = ['n', 's', 'b', 'o.x', 'o.y', 'm'];
  for (let left = random.below(5); left > 0; left--) {
    const path = pick(random, fields);
    switch (random.below(5)) {
      case 0:
        await db.createIndex('t', { name: `${left} hash`, kind: 'hash', fields: [path] });
        break;
      case 1: {
        const list = pick(random, ['l', 'm']);
        await db.createIndex('t', { name: `${left} multi`, fields: [{ field: list, multiEntry: true }] });
        break;
      }
      case 2:
        await db.createIndex('t', { name: `${left} sparse`, fields: [path], sparse: true });
        break;
      default: {
        const other = pick(random, fields);
        await db.createIndex('t', {
          name: `${left} both`,
          fields: [{ field: path, descending: random.below(2) === 0 }, other],
        });
      }
    }
  }
}

test(`${QUERIES}_generated_queries_give_what_the_judge_says`, { timeout: 3_600_000 }, async () => {
  let empty = 0;
  for (let done = 0; done < QUERIES; done += QUERIES_PER_DATABASE) {
    const random = new Random(SEED + done);
    const documents = Array.from({ length: 10 + random.below(40) }, (_, key) => document(random, key));
    const db = await open('judged', { storage: 'memory' });
    await db.apply(
      documents.map(({ _id, ...value }): Operation => ({ op: 'put', table: 't', key: _id, value })),
    );
    await index(db, random);
    for (let number = 0; number < Math.min(QUERIES_PER_DATABASE, QUERIES - done); number++) {
      const asked = randomQuery(random);
      const where = `seed ${SEED + done}, query ${number}: ${JSON.stringify(asked)}`;
      const expected = judged(documents, asked);
      const found: unknown[] = await db.query(asked);
      if (asked.distinct || asked.groupBy || asked.aggregate) {
        assert.deepEqual(sorted(found), sorted(expected), where);
      } else {
        assert.deepEqual(found, expected, where);
        const walked: unknown[] = [];
        for await (const row of db.iterate(asked, { pageSize: 4 })) walked.push(row);
        assert.deepEqual(walked, expected, `in pages, ${where}`);
      }
      assert.equal(await db.count(asked), expected.length, `count, ${where}`);
      if (expected.length === 0) empty++;
    }
    await db.close();
  }
  // A judge that is never asked anything is none.
  assert.ok(empty < QUERIES / 2, `${empty} of ${QUERIES} queries found nothing`);
});
