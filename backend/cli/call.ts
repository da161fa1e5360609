// `exec-workbench call METHOD [JSON|k=v…|-]`: one request, its result on stdout; with --follow the notifications behind it.

import { text } from 'node:stream/consumers';
import * as z from 'zod';
import { errorText, LocalError } from '../../shared/errors.ts';
import { declareMethod } from '../../shared/protocol/declare.ts';
import { httpBodyDelta } from '../../shared/protocol/http.ts';
import { initialize } from '../../shared/protocol/initialize.ts';
import { methods } from '../../shared/protocol/methods.ts';
import { processClosed } from '../../shared/protocol/process.ts';
import { UsageError } from '../config.ts';
import { ExitCode } from './failure.ts';
import { OutputFile, type OutputBroken } from './output-file.ts';
import { targetOf, type TargetFlags } from './target.ts';

export interface CallFlags extends TargetFlags {
  readonly follow?: boolean;
  readonly resume?: string;
  readonly list?: boolean;
  readonly json?: boolean;
}

type Params = Record<string, unknown>;

/** @returns the exit code. @throws UsageError; RpcError as answered; LocalError. */
export async function call(method: string | undefined, words: readonly string[], flags: CallFlags): Promise<number> {
  if (flags.list === true) {
    process.stdout.write(methodList(flags.json === true));
    return ExitCode.ok;
  }
  if (method === undefined) throw new UsageError('no method is given; --list shows those that are known');
  const params = await parseParams(words);
  let broken: OutputBroken | undefined;
  let finish: (code: number) => void = () => undefined;
  const finished = new Promise<number>((resolve) => (finish = resolve));
  const output = new OutputFile(1, {
    onRoom: () => client.resume(),
    onBroken: (error) => {
      broken = error;
      finish(ExitCode.unread);
    },
  });
  const onSignal = () => finish(128 + 2);
  process.once('SIGINT', onSignal);
  /** What came before the result, which goes first. */
  let waiting: string[] | undefined = [];
  const client = await targetOf(flags).connect({
    clientName: 'exec-workbench call',
    reconnects: false,
    resumeSessionId: flags.resume ?? resumedBy(method, params),
    onNotification: (name, body) => {
      if (flags.follow !== true) return;
      const line = `${JSON.stringify({ method: name, params: body })}\n`;
      if (waiting) waiting.push(line);
      else if (!output.write(line)) client.pause();
      if (isLast(name, body, params)) finish(ExitCode.ok);
    },
    onStatus: ({ phase }) => {
      if (phase === 'closed') finish(ExitCode.unreachable);
    },
    onSessionLost: (reason) => process.stderr.write(`exec-workbench: a new session was opened: ${reason}\n`),
  });
  try {
    const result = method === initialize.method ? client.server : await client.call(anyMethod(method), params);
    output.write(`${shown(result, flags)}\n`);
    for (const line of waiting) output.write(line);
    waiting = undefined;
    if (flags.follow !== true) finish(ExitCode.ok);
    const code = await finished;
    await output.drained();
    if (broken) throw broken;
    if (code === ExitCode.unreachable) throw new LocalError('closed', 'the connection has ended');
    return code;
  } finally {
    process.off('SIGINT', onSignal);
    client.close();
  }
}

/** What is not declared is sent all the same: the executor is asked, not our opinion. */
function anyMethod(method: string) {
  return declareMethod({
    method,
    family: 'exec',
    since: 'extension',
    doc: '',
    params: z.looseObject({}),
    result: z.unknown(),
  });
}

/** JSON, `-` for JSON from stdin, or NAME=VALUE words whose values are JSON where they can be. @throws UsageError */
async function parseParams(words: readonly string[]): Promise<Params> {
  const [first, ...rest] = words;
  if (first === undefined) return {};
  if (first === '-' || /^\s*[{[]/.test(first)) {
    if (rest.length > 0) throw new UsageError(`one JSON object at a time: ${rest.join(' ')} is too much`);
    return parseObject(first === '-' ? await text(process.stdin) : first);
  }
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=');
      if (at < 1) throw new UsageError(`expected JSON or NAME=VALUE, got ${word}`);
      return [word.slice(0, at), jsonOrWord(word.slice(at + 1))];
    }),
  );
}

function parseObject(json: string): Params {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new UsageError(`the params are no JSON: ${errorText(error)}`);
  }
  const params = z.record(z.string(), z.unknown()).safeParse(value);
  if (!params.success) throw new UsageError('the params must be a JSON object');
  return params.data;
}

function jsonOrWord(word: string): unknown {
  try {
    return JSON.parse(word);
  } catch {
    return word;
  }
}

function resumedBy(method: string, { resumeSessionId }: Params): string | undefined {
  return method === initialize.method && typeof resumeSessionId === 'string' ? resumeSessionId : undefined;
}

/** Whether nothing that belongs to the request follows. */
function isLast(name: string, body: unknown, params: Params): boolean {
  if (name === processClosed.method) {
    return processClosed.params.safeParse(body).data?.processId === params['processId'];
  }
  const delta = name === httpBodyDelta.method ? httpBodyDelta.params.safeParse(body).data : undefined;
  return delta !== undefined && delta.done && delta.requestId === params['requestId'];
}

/** For people on a terminal with line breaks, else on one line. */
function shown(result: unknown, { json, follow }: CallFlags): string {
  const isForPeople = process.stdout.isTTY && json !== true && follow !== true;
  return JSON.stringify(result ?? null, undefined, isForPeople ? 2 : undefined);
}

function methodList(asJson: boolean): string {
  const list = [...methods.values()].map(({ method, since, doc }) => ({ method, since, doc }));
  if (asJson) return list.map((entry) => `${JSON.stringify(entry)}\n`).join('');
  const width = Math.max(...list.map(({ method }) => method.length));
  return list.map(({ method, since, doc }) => `${method.padEnd(width)}  ${since.padEnd(9)}  ${doc}\n`).join('');
}
