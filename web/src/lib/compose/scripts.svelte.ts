// Scripts that were saved, by name. Kept in this browser; a file carries them to others.

import * as z from 'zod';
import { isSecretName, redactMessage } from '../../../../shared/recording/redact.ts';
import { isObject, jsonOrText } from '../../../../shared/scenario/json.ts';
import { browserArea, onStored, readStored, writeStored } from '../storage.ts';
import type { Exchange } from './composer.svelte.ts';

export const scriptSchema = z.object({ name: z.string().min(1).max(100), text: z.string().max(1_000_000) });
export type Script = z.infer<typeof scriptSchema>;

const key = 'composer.scripts';
const maxScripts = 100;

/** In the manner of the recorded sessions (docs/recordings.md): what is sent, what must come back, and values given once. */
export const exampleScript = `{"dir":"meta","scenario":"hello","about":"starts a process and reads what it says","vars":{"code":0}}
{"dir":"send","msg":{"id":1,"method":"initialize","params":{"clientName":"script"}}}
{"dir":"recv","msg":{"id":1,"result":{"sessionId":"$SESSION"}}}
{"dir":"send","msg":{"method":"initialized","params":{}}}
{"dir":"send","msg":{"id":2,"method":"process/start","params":{"processId":"p1","argv":["/bin/sh","-c","echo hello; exit {{code}}"],"cwd":"/","env":{},"tty":false}}}
{"dir":"recv","msg":{"id":2,"result":{"processId":"p1"}},"save":{"pid":"result.processId"}}
{"dir":"recv","msg":{"method":"process/output","params":{"processId":"{{pid}}","seq":1,"stream":"stdout","chunk":"aGVsbG8K"}}}
{"dir":"recv","msg":{"method":"process/exited","params":{"processId":"{{pid}}","seq":2,"exitCode":"{{code}}"}}}
{"dir":"recv","msg":{"method":"process/closed","params":{"processId":"{{pid}}","seq":3}}}
`;

/** A script as it may be kept and shared: variables that are secret have no values in it. */
export function withoutSecretValues(text: string): string {
  const end = text.indexOf('\n');
  const head = end === -1 ? text : text.slice(0, end);
  const meta = jsonOrText(head);
  if (!isObject(meta) || !isObject(meta['vars'])) return text;
  const vars = Object.entries(meta['vars']);
  if (!vars.some(([name, value]) => value !== null && isSecretName(name))) return text;
  const clean = Object.fromEntries(vars.map(([name, value]) => [name, isSecretName(name) ? null : value]));
  return JSON.stringify({ ...meta, vars: clean }) + (end === -1 ? '' : text.slice(end));
}

/** What was sent and answered as lines of a script, without secrets: a variable can stand in their place. */
export function scriptLines(exchange: Pick<Exchange, 'text' | 'answer'>): string {
  const text = redactMessage(exchange.text);
  const answer = redactMessage(exchange.answer);
  const message = jsonOrText(text);
  const isJson = typeof message !== 'string';
  const sent = JSON.stringify(isJson ? { dir: 'send', msg: message } : { dir: 'send', raw: text });
  return answer === '' ? `${sent}\n` : `${sent}\n${JSON.stringify({ dir: 'recv', msg: jsonOrText(answer) })}\n`;
}

class Scripts {
  all = $state.raw<readonly Script[]>(read());

  constructor() {
    onStored(key, () => (this.all = read()));
  }

  /** Replaces one of the same name. Values of secret variables are left out. */
  save({ name, text }: Script): void {
    const others = this.all.filter((script) => script.name !== name);
    this.#set([...others, { name, text: withoutSecretValues(text) }].slice(-maxScripts));
  }

  /** Adds them; where a name is taken by another text, under a name with a number. @returns how many were not there yet. */
  merge(others: readonly Script[]): number {
    const before = this.all.length;
    for (const { name, text } of others) {
      const taken = new Map(this.all.map((script) => [script.name, script.text]));
      let free = name;
      for (let number = 2; taken.has(free) && taken.get(free) !== withoutSecretValues(text); number++) {
        free = `${name.slice(0, 90)} ${number}`;
      }
      if (!taken.has(free) && this.all.length < maxScripts) this.save({ name: free, text });
    }
    return this.all.length - before;
  }

  remove(name: string): void {
    this.#set(this.all.filter((script) => script.name !== name));
  }

  #set(scripts: readonly Script[]): void {
    this.all = scripts;
    writeStored(browserArea, key, scripts);
  }
}

function read(): readonly Script[] {
  return readStored(browserArea, key, z.array(scriptSchema).max(1000)) ?? [];
}

export const scripts = new Scripts();
