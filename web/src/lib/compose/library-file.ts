// The composer's history and saved scripts as a file, to be taken to another browser or to somebody else. Without secrets, as
// they are kept; what is opened is checked like any input, and taken whole or not at all.

import * as z from 'zod';
import { downloadText } from '../download.ts';
import { composerHistory, sentSchema } from './history.svelte.ts';
import { scripts, scriptSchema } from './scripts.svelte.ts';

const maxFileBytes = 16 * 1024 * 1024;

const head = z.looseObject({ format: z.literal('exec-workbench-composer'), version: z.literal(1) });
const body = z.looseObject({ messages: z.array(sentSchema).max(10_000), scripts: z.array(scriptSchema).max(1000) });

export function saveLibrary(): void {
  const file = {
    format: 'exec-workbench-composer',
    version: 1,
    messages: composerHistory.entries,
    scripts: scripts.all,
  };
  downloadText('exec-workbench-composer.json', `${JSON.stringify(file, undefined, 2)}\n`, 'application/json');
}

/**
 * Adds what is not there yet.
 * @returns what was taken, for people.
 * @throws Error for people, when it is no such file.
 */
export async function openLibrary(file: File): Promise<string> {
  if (file.size > maxFileBytes) throw new Error(`${file.name} has ${file.size} bytes: it was not saved here`);
  let content: unknown;
  try {
    content = JSON.parse(await file.text());
  } catch {
    throw new Error(`${file.name} is no JSON; a script is imported beside the script`);
  }
  if (!head.safeParse(content).success) {
    throw new Error(`${file.name} holds no history of the composer, or that of a newer version`);
  }
  const { data, error } = body.safeParse(content);
  if (!data) {
    const issue = error.issues[0];
    throw new Error(`${file.name}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'it does not fit'}`);
  }
  const messages = composerHistory.merge(data.messages);
  const added = scripts.merge(data.scripts);
  return `Taken: ${messages} ${messages === 1 ? 'message' : 'messages'}, ${added} ${added === 1 ? 'script' : 'scripts'}`;
}
