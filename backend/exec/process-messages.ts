// process/output, process/exited, process/closed as they go over the wire. Output is the hot path: no JSON.stringify of a chunk,
// and one copy of the base64 text, into the bytes that the socket takes.

import type { MessagePart } from '../../shared/connection/connection.ts';
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

  /** The whole notification. */
  output(chunk: OutputChunk): readonly MessagePart[] {
    return [this.#head, `${chunk.seq}${streamParts[chunk.stream]}`, chunk.base64, '"}}'];
  }
}

export function exitedMessage(processId: string, seq: number, exitCode: number, sandboxDenied: boolean): string {
  return notificationText('process/exited', { processId, seq, exitCode, sandboxDenied });
}

export function closedMessage(processId: string, seq: number): string {
  return notificationText('process/closed', { processId, seq });
}
