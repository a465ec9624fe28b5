/** SQLite with its files in the origin's private file system, which it reaches from workers alone. */
import sqlite3InitModule, { type Database, type PreparedStatement } from '@sqlite.org/sqlite-wasm';
import type { Person } from '../documents.ts';
import { median } from '../measure.ts';

let database: Database;
let insert: PreparedStatement;
let byTeam: PreparedStatement;
let byScore: PreparedStatement;
let byYear: PreparedStatement;

function put(key: number, document: Person): void {
  insert.bind([key, document.team, document.score, JSON.stringify(document)]).stepReset();
}

function rows(statement: PreparedStatement, values: number[]): Person[] {
  statement.bind(values);
  const found: Person[] = [];
  while (statement.step()) found.push(JSON.parse(statement.getString(0)!) as Person);
  statement.reset();
  return found;
}

const calls: Record<string, (...values: never[]) => unknown> = {
  async open() {
    const sqlite = await sqlite3InitModule();
    const pool = await sqlite.installOpfsSAHPoolVfs({});
    database = new pool.OpfsSAHPoolDb('/bench');
    database.exec(`PRAGMA synchronous = FULL;
      CREATE TABLE people (key INTEGER PRIMARY KEY, team INTEGER, score INTEGER, document TEXT);
      CREATE INDEX team ON people (team);
      CREATE INDEX score ON people (score);`);
    insert = database.prepare('INSERT OR REPLACE INTO people VALUES (?, ?, ?, ?)');
    byTeam = database.prepare('SELECT document FROM people WHERE team = ?');
    byScore = database.prepare('SELECT count(*) FROM people WHERE score BETWEEN ? AND ?');
    byYear = database.prepare("SELECT document FROM people WHERE document ->> 'born' = ?");
  },
  putAll(documents: Person[]) {
    database.transaction(() => {
      for (const [key, document] of documents.entries()) put(key, document);
    });
  },
  put,
  team: (team: number) => rows(byTeam, [team]).length,
  scores(low: number, high: number) {
    byScore.bind([low, high]).step();
    const count = byScore.getInt(0);
    byScore.reset();
    return count;
  },
  born: (year: number) => rows(byYear, [year]).length,
  /** Milliseconds of a query, without the way to this thread. */
  inside: (teams: number) => median(40, 50, (turn) => rows(byTeam, [(turn * 7919) % teams])),
  close() {
    for (const statement of [insert, byTeam, byScore, byYear]) statement.finalize();
    database.close();
  },
};

self.onmessage = async ({ data: [id, name, values] }: MessageEvent<[number, string, never[]]>) => {
  try {
    self.postMessage([id, await calls[name]!(...values)]);
  } catch (error) {
    self.postMessage([id, undefined, String(error)]);
  }
};
