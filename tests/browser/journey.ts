/**
 * A database moves from runtime to runtime, as an archive: wasmtime, Node, Chromium, Firefox,
 * WebKit, and wasmtime again. At each station its functions are called and go on from where they were at the one
 * before. Another database stays at home, natively, and does the same: at each station both have
 * returned the same, and have the same digest. Ends with 1 if not.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import {
  type BrowserName,
  launch,
  repositoryRoot,
  runModule,
  serve,
} from '../../host-browser/test/harness/index.ts';
import { CALLS, NOW, type Visit, visit } from './visit.ts';

/** Functions over one variable: under two names, in a document, and in the methods of an object. */
const ASSIGNED = `
_home.tools, _home.handlers = {}, {}
local n = 0
function _home.tools.next() n = n + 1 return n end
_home.tools.again = _home.tools.next
function _home.tools.peek() return n end
_home.handlers.main = {label = 'saves', onSave = function(what) n = n + 10 return n, what end}
local Account = {}
Account.__index = Account
function Account.__add(account, amount) n = n + 100 account.balance = account.balance + amount return account end
function Account:get() return self.balance, n end
local account = setmetatable({balance = 1}, Account)
function _home.tools.deposit(amount) account = account + amount return account:get() end
local big = require('bigint').new('1' .. ('0'):rep(30))
function _home.tools.tripled() big = big * 3 return tostring(big), type(big) end`;
/** Three functions over the same variables. */
const ACCOUNT = `
local balance, log = 100, {}
local function note(what) log[#log + 1] = what .. ' ' .. balance end
local function move(amount) balance = balance + amount note(amount < 0 and 'out' or 'in') end
return function(amount) move(amount) return balance, #log, log[#log] end`;
const GREET = `
local greeted = {}
return function(id)
  local person = _home.people[id]
  greeted[person.name] = (greeted[person.name] or 0) + 1
  person.greeted = greeted[person.name]
  return 'Hello ' .. person.name, greeted[person.name]
end`;

/** The journey's files lie below what the server serves. */
mkdirSync(join(repositoryRoot, 'target'), { recursive: true });
const folder = mkdtempSync(join(repositoryRoot, 'target/journey-'));
const archive = join(folder, 'database.cua');

/** Runs the command; gives the rows that it prints. */
function cu(database: string, ...args: string[]): unknown[] {
  const command = join(repositoryRoot, 'target/release/cu');
  const output = execFileSync(command, ['--json', '--db', join(folder, database), ...args], {
    encoding: 'utf8',
  });
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}

const digest = (database: string): string => String(cu(database, 'digest')[0]);
const callAll = (database: string): unknown[] =>
  CALLS.map((source) => cu(database, 'eval', '--time', String(NOW), '--', source)[0]);

/** A database with functions, documents that they change, and an index that goes with them. */
function fill(database: string): void {
  cu(database, 'put', 'people', '1', '{"name": "Ada", "born": 1815}');
  cu(database, 'put', 'people', '2', '{"name": "Grace", "born": 1906}');
  cu(database, 'index', 'create', 'people', 'greeted', 'born');
  cu(database, 'eval', '--time', String(NOW), '--', ASSIGNED);
  cu(database, 'functions', 'persist', 'tools', 'account', ACCOUNT);
  cu(database, 'functions', 'persist', 'people', 'greet', GREET);
}

let directories = 0;
function visitWasmtime(): Visit {
  directories++;
  const database = `wasmtime-${directories}`;
  cu(database, 'restore', archive);
  const arrived = digest(database);
  const results = callAll(database);
  cu(database, 'backup', archive);
  return { arrived, left: digest(database), results, archive: readFileSync(archive).toString('base64') };
}

async function visitBrowser(name: BrowserName): Promise<Visit> {
  const server = await serve(repositoryRoot);
  const browser = await launch(name);
  try {
    const input = { path: `/${relative(repositoryRoot, archive)}` };
    return (await runModule(browser, server, '/tests/browser/visit.ts', input)) as Visit;
  } finally {
    await browser.close();
    await server.close();
  }
}

const stations: readonly (readonly [name: string, visit: () => Visit | Promise<Visit>])[] = [
  ['node', () => visit('node.js', new Blob([readFileSync(archive)]))],
  ['wasmtime', visitWasmtime],
  ['chromium', () => visitBrowser('chromium')],
  ['firefox', () => visitBrowser('firefox')],
  ['webkit', () => visitBrowser('webkit')],
  ['wasmtime', visitWasmtime],
  ['node', () => visit('node.js', new Blob([readFileSync(archive)]))],
];

let failed = 0;
try {
  fill('start');
  callAll('start');
  cu('start', 'backup', archive);
  cu('home', 'restore', archive);
  for (const [name, station] of stations) {
    const before = digest('home');
    const expected = JSON.stringify(callAll('home'));
    const { arrived, left, results, archive: bytes } = await station();
    writeFileSync(archive, Buffer.from(bytes, 'base64'));
    const differences = [
      ...(arrived === before ? [] : [`arrived with ${arrived} instead of ${before}`]),
      ...(left === digest('home') ? [] : [`left with ${left} instead of ${digest('home')}`]),
      ...(JSON.stringify(results) === expected
        ? []
        : [`returned ${JSON.stringify(results)} instead of ${expected}`]),
    ];
    if (differences.length > 0) failed++;
    console.log(`${name}: ${differences.join('; ') || `as at home, ${expected}, ${left.slice(0, 16)}…`}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`journey: ${stations.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
