/** The steps in a process: `cu import`, then a program over the Rust API, then that program again. */
import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import type { Step } from './report.ts';

/** Runs all steps on a database made anew at `path`. */
export function runNative(root: string, path: string, data: string): Step[] {
  rmSync(path, { recursive: true, force: true });
  const started = performance.now();
  const cu = `${root}/target/release/cu`;
  const done = spawnSync(cu, ['--db', path, 'import', data, '--table', 'cities', '--key', 'id'], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (done.status !== 0) throw new Error(`cu import failed with exit code ${done.status}`);
  const imported: Step = {
    title: 'import all places',
    milliseconds: performance.now() - started,
    shown: '',
    sha256: null,
  };
  return [imported, ...run(root, path, 'first'), ...run(root, path, 'again')];
}

/** A process of its own for each phase: what the second one finds was on disk. */
function run(root: string, path: string, phase: 'first' | 'again'): Step[] {
  const program = `${root}/target/release/examples/cities`;
  const output = execFileSync(program, [path, `${root}/scripts/lib/demo`, phase], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Step);
}
