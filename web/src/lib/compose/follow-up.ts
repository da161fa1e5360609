// What an executor says of a process after it was started, in one line each. Pure.

import { tryBase64Decode, utf8Decode } from '../../../../shared/bytes.ts';
import { processClosed, processOutput, processStart } from '../../../../shared/protocol/process.ts';
import { parseEnvelope } from '../../../../shared/rpc/envelope.ts';
import type { MessageHead } from '../inspect/message-head.ts';
import { isRecord } from './form-model.ts';

const maxLength = 300;

/** The process that a message starts; empty: none. */
export function startedProcess(method: string, params: unknown): string {
  const id = method === processStart.method && isRecord(params) ? params['processId'] : undefined;
  return typeof id === 'string' ? id : '';
}

export function isLastOf(head: Pick<MessageHead, 'method'>): boolean {
  return head.method === processClosed.method;
}

/** `stdout "hello\n"`, `process/exited {"seq":2,"exitCode":0}`. */
export function followUpText(message: string): string {
  const envelope = parseEnvelope(message);
  if (envelope.kind !== 'notification') return message.slice(0, maxLength);
  const { method, params } = envelope;
  const output = method === processOutput.method ? processOutput.params.safeParse(params).data : undefined;
  const { processId: _, ...rest } = isRecord(params) ? params : {};
  const bytes = output && tryBase64Decode(output.chunk);
  const text = bytes ? `${output.stream} ${JSON.stringify(utf8Decode(bytes))}` : `${method} ${JSON.stringify(rest)}`;
  return text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
}
