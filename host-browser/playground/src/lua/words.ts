/** The words that Lua knows here: asked from the sandbox itself, so that they are those of this version. */
import { isMap } from '../base/json.ts';
import { read } from '../base/session.ts';

/** Global names, each with the members of the table that it is. */
export type Words = ReadonlyMap<string, readonly string[]>;

const SOURCE = `
local all = {}
for name, value in pairs(_G) do
  if type(name) == "string" then
    local members = list{}
    if type(value) == "table" and name ~= "_G" and name ~= "_home" and name ~= "db" then
      for member in pairs(value) do
        if type(member) == "string" then members[#members + 1] = member end
      end
    end
    all[name] = members
  end
end
return all
`;

const KEPT_TABLES = ['_home', 'db'];

async function ask(): Promise<Words> {
  const [all] = await read((db) => db.eval(SOURCE, [], { readOnly: true }));
  const words = new Map<string, readonly string[]>(KEPT_TABLES.map((name) => [name, []]));
  if (isMap(all)) {
    for (const [name, members] of Object.entries(all)) {
      words.set(name, Array.isArray(members) ? (members as string[]).sort() : []);
    }
  }
  return words;
}

let asked: Promise<Words> | undefined;

export function words(): Promise<Words> {
  asked ??= ask().catch((error) => {
    asked = undefined;
    throw error;
  });
  return asked;
}
