/** The JavaScript examples of the documents, and what they say comes of them. */

/** The JavaScript of one section. */
export interface Section {
  readonly title: string;
  readonly code: string;
}

/** The JavaScript, or the TypeScript, of each section that has any, with the section's title. */
export function sections(text: string, language: 'js' | 'ts' = 'js'): Section[] {
  return text.split(/^(?=##? )/m).flatMap((section) => {
    const fences = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms');
    const blocks = [...section.matchAll(fences)].map(([, code]) => code!);
    return blocks.length === 0 ? [] : [{ title: /^#+ (.*)/.exec(section)![1]!, code: blocks.join('\n') }];
  });
}

/** What the comments behind the calls of `console.log` say, in the order of the calls. */
export function comments(code: string): unknown[] {
  const found: string[] = [];
  const lines = code.split('\n');
  let waits = false;
  for (const line of lines) {
    const comment = /^(.*?)(?:^|;\s+)\/\/ (.*)$/.exec(line);
    if (line.includes('console.log(')) waits = true;
    if (comment === null || !waits) continue;
    found.push(comment[2]!);
    waits = false;
  }
  return found.map((comment) => new Function(`return (${comment})`)() as unknown);
}

/** How often a section logs something: each has to have its comment. */
export function logs(code: string): number {
  return code.split('console.log(').length - 1;
}
