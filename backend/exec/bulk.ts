// Messages that carry megabytes of base64: made of parts, with one copy of each, and without JSON.stringify, which looks at
// every character (3 ms per MiB).

import type { Connection, MessagePart } from '../../shared/connection/connection.ts';
import { idText, type RequestId } from '../../shared/rpc/envelope.ts';

/** By the carrier's own way, or as one buffer. */
export function sendParts(connection: Connection, parts: readonly MessagePart[]): boolean {
  return connection.sendParts?.(parts) ?? connection.send(joinParts(parts));
}

/** The parts one after the other. */
export function joinParts(parts: readonly MessagePart[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const message = Buffer.allocUnsafe(length);
  let offset = 0;
  for (const part of parts) {
    if (typeof part === 'string') message.write(part, offset, 'latin1');
    else message.set(part, offset);
    offset += part.length;
  }
  return message;
}

/** A result whose JSON is made already; the handler answers for its form. */
export class BulkResult {
  constructor(private readonly parts: readonly MessagePart[]) {}

  /** The whole answer. */
  response(id: RequestId): MessagePart[] {
    return [Buffer.from(`{"id":${idText(id)},"result":`), ...this.parts, '}'];
  }
}
