// process/output, process/exited, process/closed as wire text. Output is the hot path: no JSON.stringify of a chunk, and
// one copy of the base64 text, into the bytes that the socket takes.

import { notificationText } from '../../shared/rpc/envelope.ts';
import type { OutputChunk } from '../process/output-log.ts';

const streamParts = {
  stdout: ',"stream":"stdout","chunk":"',
  stderr: ',"stream":"stderr","chunk":"',
  pty: ',"stream":"pty","chunk":"',
} as const;

export class OutputMessages {
  readonly #head: Buffer;

  constructor(processId: string) {
    this.#head = Buffer.from(`{"method":"process/output","params":{"processId":${JSON.stringify(processId)},"seq":`);
  }

  /** The whole notification. Cost: one allocation and one copy of the base64 text. */
  output(chunk: OutputChunk): Uint8Array {
    const middle = `${chunk.seq}${streamParts[chunk.stream]}`;
    const head = this.#head;
    const message = Buffer.allocUnsafe(head.length + middle.length + chunk.base64.length + 3);
    message.set(head, 0);
    let offset = head.length;
    offset += message.write(middle, offset, 'latin1');
    offset += message.write(chunk.base64, offset, 'latin1');
    message.write('"}}', offset, 'latin1');
    return message;
  }
}

export function exitedMessage(processId: string, seq: number, exitCode: number): string {
  return notificationText('process/exited', { processId, seq, exitCode, sandboxDenied: false });
}

export function closedMessage(processId: string, seq: number): string {
  return notificationText('process/closed', { processId, seq });
}
