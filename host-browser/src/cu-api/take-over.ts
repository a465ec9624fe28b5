/** The first load takes over what the older module has saved. */
import { fill, type Target } from '../migrate/fill.ts';
import { planOf } from '../migrate/plan.ts';
import { readStored } from '../migrate/stored.ts';
import type { Workspace } from '../workspace.ts';

/** Brings what the older database has into a workspace and saves it. What can't be had stays where it is, and is told. */
export async function takeOver(name: string, workspace: Workspace): Promise<void> {
  try {
    const stored = await readStored(name);
    if (stored?.home === undefined) return;
    const { problems } = await fill(planOf(stored, 'integers'), targetOf(workspace));
    await workspace.save();
    if (problems.length === 0) return;
    const list = problems.map(({ path, reason }) => `${path}: ${reason}`).join('\n');
    console.warn(`Not taken over from the older database "${name}", which still has it:\n${list}`);
  } catch (error) {
    console.warn(`The older database "${name}" could not be taken over:`, error);
  }
}

function targetOf(workspace: Workspace): Target {
  return {
    documents: {
      apply: async (operations) => workspace.run((engine) => engine.documents.apply(operations)).result,
    },
    functions: {
      persistBytecode: async (...args) =>
        workspace.run((engine) => engine.functions.persistBytecode(...args)).result,
    },
    lua: { eval: async (...args) => workspace.run((engine) => engine.lua.eval(...args)).result },
    tables: { drop: async (table) => workspace.run((engine) => engine.tables.drop(table)).result },
  };
}
