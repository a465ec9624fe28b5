/** The cases of one file in a page: what the harness imports and calls. */
import type { Outcome, Topic } from './driver.ts';
import { only, suite } from './suite.ts';

export interface PageInput {
  readonly runtime: string;
  /** The case file's name without its ending. */
  readonly topic: string;
  /** Only the cases with this word in their name. */
  readonly word: string;
}

export default async function run({ runtime, topic, word }: PageInput): Promise<Outcome> {
  const response = await fetch(`/tests/cases/${topic}.json`);
  const content = (await response.json()) as Topic;
  return suite('index.js', runtime, [only({ ...content, name: topic }, word)]);
}
