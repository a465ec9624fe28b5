/**
 * Writes the reference of the package, `docs/api/`, from its types; with `--check` only tells whether it is as these say.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tools = join(root, '../scripts/lib/reference');
const committed = join(root, '../docs/api');

const { exports } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));

/** The sources of what a program can import. */
const ENTRIES = Object.values(exports).flatMap(({ types }) =>
  types === undefined ? [] : [types.replace(/^\.\/dist\/types\/(.*)\.d\.ts$/, 'src/$1.ts')],
);

function write(directory) {
  const typedoc = join(tools, 'node_modules/typedoc/bin/typedoc');
  if (!existsSync(typedoc)) {
    console.error('The reference needs TypeDoc, which is not there; `scripts/setup browser` installs it.');
    process.exit(1);
  }
  const options = [
    ...ENTRIES.flatMap((entry) => ['--entryPoints', join(root, entry)]),
    ...['--tsconfig', join(root, 'tsconfig.types.json')],
    ...['--out', directory],
    '--options',
    join(tools, 'typedoc.json'),
  ];
  const { status } = spawnSync(process.execPath, [typedoc, ...options], {
    cwd: tools,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}

/** The files of a directory with what is in them. */
async function contents(directory) {
  const names = (await readdir(directory, { recursive: true }).catch(() => [])).filter((name) =>
    name.endsWith('.md'),
  );
  return Object.fromEntries(
    await Promise.all(
      names.sort().map(async (name) => [name, await readFile(join(directory, name), 'utf8')]),
    ),
  );
}

if (process.argv.includes('--check')) {
  const directory = await mkdtemp(join(tmpdir(), 'cu-reference-'));
  try {
    write(directory);
    const [is, should] = [await contents(committed), await contents(directory)];
    const stale = [...new Set([...Object.keys(is), ...Object.keys(should)])].filter(
      (name) => is[name] !== should[name],
    );
    if (stale.length > 0) {
      console.error(
        `docs/api is out of date (${stale.join(', ')}); run \`npm run reference\` in host-browser.`,
      );
      process.exitCode = 1;
    } else console.log('the reference is up to date');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
} else write(committed);
