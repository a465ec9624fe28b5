/** Projects of someone else that have the packed package among their dependencies. */
import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Page } from '../harness/index.ts';

export const packageRoot: string = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** A copy of a fixture with the package as `npm pack` packs it, and others of ours by their names. */
export async function project(
  t: TestContext,
  fixture: string,
  others: readonly string[] = [],
): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cu-project-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await cp(join(packageRoot, 'test/fixture', fixture), directory, { recursive: true });
  await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
  const installed = join(directory, 'node_modules/cu-db');
  await mkdir(installed, { recursive: true });
  const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', directory], {
    cwd: packageRoot,
    encoding: 'utf8',
  }).trim();
  execFileSync('tar', ['-xzf', join(directory, packed), '-C', installed, '--strip-components=1']);
  for (const name of others) {
    await symlink(join(packageRoot, 'node_modules', name), join(directory, 'node_modules', name));
  }
  return directory;
}

/** What a page of a fixture says in its title: JSON of what it has found, or its error. */
export async function report(page: Page): Promise<unknown> {
  const title = await page.evaluate(
    () =>
      new Promise<string>((resolve) => {
        const check = () => /^[[{]/.test(document.title) && resolve(document.title);
        new MutationObserver(check).observe(document.head, {
          subtree: true,
          childList: true,
          characterData: true,
        });
        addEventListener('unhandledrejection', ({ reason }) => resolve(JSON.stringify(String(reason))));
        addEventListener('error', ({ message }) => resolve(JSON.stringify(message)));
        check();
      }),
  );
  return JSON.parse(title);
}
