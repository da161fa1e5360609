// Scripts that were saved, by name. Kept in this browser; a file carries them to others.

import { z } from 'zod';
import { jsonOrText } from '../../../../shared/scenario/json.ts';
import { browserArea, readStored, writeStored } from '../storage.ts';
import type { Exchange } from './composer.svelte.ts';

const scriptSchema = z.object({ name: z.string().min(1).max(100), text: z.string().max(1_000_000) });
export type Script = z.infer<typeof scriptSchema>;

const key = 'composer.scripts';
const maxScripts = 100;

/** In the manner of the recorded sessions (docs/recordings.md): what is sent, and what must come back. */
export const exampleScript = `{"dir":"meta","scenario":"hello","about":"starts a process and reads what it says"}
{"dir":"send","msg":{"id":1,"method":"initialize","params":{"clientName":"script"}}}
{"dir":"recv","msg":{"id":1,"result":{"sessionId":"$SESSION"}}}
{"dir":"send","msg":{"method":"initialized","params":{}}}
{"dir":"send","msg":{"id":2,"method":"process/start","params":{"processId":"p1","argv":["/bin/echo","hello"],"cwd":"/","env":{},"tty":false}}}
{"dir":"recv","msg":{"id":2,"result":{"processId":"p1"}}}
{"dir":"recv","msg":{"method":"process/output","params":{"processId":"p1","seq":1,"stream":"stdout","chunk":"aGVsbG8K"}}}
{"dir":"recv","msg":{"method":"process/exited","params":{"processId":"p1","seq":2,"exitCode":0}}}
{"dir":"recv","msg":{"method":"process/closed","params":{"processId":"p1","seq":3}}}
`;

/** What was sent and answered as lines of a script. */
export function scriptLines({ text, answer }: Pick<Exchange, 'text' | 'answer'>): string {
  const message = jsonOrText(text);
  const isJson = typeof message !== 'string';
  const sent = JSON.stringify(isJson ? { dir: 'send', msg: message } : { dir: 'send', raw: text });
  return answer === '' ? `${sent}\n` : `${sent}\n${JSON.stringify({ dir: 'recv', msg: jsonOrText(answer) })}\n`;
}

class Scripts {
  all = $state.raw<readonly Script[]>(readStored(browserArea, key, z.array(scriptSchema).max(1000)) ?? []);

  /** Replaces one of the same name. */
  save(script: Script): void {
    const others = this.all.filter(({ name }) => name !== script.name);
    this.#set([...others, script].slice(-maxScripts));
  }

  remove(name: string): void {
    this.#set(this.all.filter((script) => script.name !== name));
  }

  #set(scripts: readonly Script[]): void {
    this.all = scripts;
    writeStored(browserArea, key, scripts);
  }
}

export const scripts = new Scripts();
