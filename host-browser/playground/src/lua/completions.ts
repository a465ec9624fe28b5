/** What the editor completes: keywords, globals, tables, their functions, and the methods of tables of `db`. */
import {
  type Completion,
  type CompletionContext,
  type CompletionResult,
  snippetCompletion,
} from '@codemirror/autocomplete';
import { read, tables } from '../base/session.ts';
import { words } from './words.ts';

const KEYWORDS =
  'and break do else elseif end false for function goto if in local nil not or repeat return then true until while'.split(
    ' ',
  );

/** The methods of a table of `db`, as `docs/lua.md` has them. */
const METHODS: readonly Completion[] = [
  method('query', 'query{where = {field = "#{field}", op = "#{=}", value = #{value}}, limit = 10}', 'rows'),
  method('each', 'each{#{}}', 'for key, document in …'),
  method('first', 'first{where = {field = "#{field}", op = "#{=}", value = #{value}}}', 'key, document'),
  method('count', 'count{#{}}', 'how many rows'),
  method('page', 'page{limit = 10}', 'rows, and where the next page begins'),
  method('explain', 'explain{where = {field = "#{field}", op = "#{=}", value = #{value}}}', 'the plan'),
  method('insert', 'insert("#{key}", {#{}})', 'fails if there is one'),
  method(
    'update',
    'update{where = {field = "#{field}", op = "#{=}", value = #{value}}, changes = {{op = "#{set}", field = "#{field}", value = #{value}}}}',
    'how many',
  ),
  method('delete', 'delete{where = {field = "#{field}", op = "#{=}", value = #{value}}}', 'how many'),
  method('index', 'index{fields = {"#{field}"}}', 'makes an index'),
  method('drop_index', 'drop_index("#{name}")', 'whether there was one'),
];

const SNIPPETS: readonly Completion[] = [
  snippetCompletion('transaction(function()\n\t#{}\nend)', {
    label: 'transaction',
    detail: 'all or nothing',
    type: 'function',
  }),
  snippetCompletion('for key, document in db.#{table}:each{#{}} do\n\t\nend', {
    label: 'for each',
    detail: 'documents of a table',
    type: 'keyword',
  }),
  snippetCompletion('function #{name}(#{})\n\t\nend', {
    label: 'function',
    detail: 'definition',
    type: 'keyword',
  }),
];

function method(label: string, template: string, detail: string): Completion {
  return snippetCompletion(template, { label, detail, type: 'method' });
}

/** Completes what stands before the cursor. */
export async function complete(context: CompletionContext): Promise<CompletionResult | null> {
  const line = context.state.doc.lineAt(context.pos);
  const before = line.text.slice(0, context.pos - line.from);
  if (/--|"[^"]*$/.test(before.replace(/"[^"]*"/g, ''))) return null;
  const methodOf = /\bdb\.\w+:(\w*)$/.exec(before);
  if (methodOf) return from(context, methodOf[1]!, METHODS);
  const memberOf = /\b([A-Za-z_]\w*)\.(?:(\w+)\.)?(\w*)$/.exec(before);
  if (memberOf) return from(context, memberOf[3]!, await members(memberOf[1]!, memberOf[2]));
  const word = /[A-Za-z_]\w*$/.exec(before)?.[0] ?? '';
  if (word === '' && !context.explicit) return null;
  return from(context, word, await names());
}

function from(context: CompletionContext, typed: string, options: readonly Completion[]): CompletionResult {
  return { from: context.pos - typed.length, options, validFor: /^\w*$/ };
}

async function members(owner: string, table: string | undefined): Promise<readonly Completion[]> {
  if (owner === '_home' || owner === 'db') {
    return table === undefined ? tables.value.map(tableCompletion) : functionsOf(table);
  }
  const known = table === undefined ? (await words()).get(owner) : undefined;
  return (known ?? []).map((label) => ({ label, type: 'function' }));
}

function tableCompletion({ name, documents }: { name: string; documents: number }): Completion {
  return { label: name, type: 'variable', detail: `${documents} documents` };
}

async function functionsOf(table: string): Promise<readonly Completion[]> {
  const functions = await read((db) => db.functions(table)).catch(() => []);
  return functions.map(({ name }) => ({ label: name, type: 'function', detail: 'persisted' }));
}

async function names(): Promise<readonly Completion[]> {
  const globals = [...(await words()).keys()].filter((name) => name !== 'transaction');
  return [
    ...SNIPPETS,
    ...KEYWORDS.filter((label) => label !== 'function').map((label) => ({ label, type: 'keyword' })),
    ...globals.map((label) => ({ label, type: /^(_home|db)$/.test(label) ? 'variable' : 'function' })),
  ];
}
