// What several families do with process/read: follow a process to its end by reading only.

import { concatBytes, tryBase64Decode, utf8Decode } from '../../bytes.ts';
import { processRead } from '../../protocol/process.ts';
import { Mismatch } from '../mismatch.ts';
import type { Wire } from '../wire.ts';

export interface ReadChunk {
  readonly seq: number;
  readonly stream: string;
  readonly bytes: Uint8Array;
}

/** Bytes of base64 from the wire. @throws Mismatch when it is none. */
export function bytesOf(text: string): Uint8Array {
  const bytes = tryBase64Decode(text);
  if (!bytes) throw new Mismatch('standard base64', text.slice(0, 200));
  return bytes;
}

/** Polls until `closed`, going on with `nextSeq - 1` each time. */
export async function readAll(
  wire: Wire,
  processId: string,
  more: { readonly maxBytes?: number } = {},
): Promise<{ chunks: readonly ReadChunk[]; bytes: Uint8Array; text: string; exitCode: number | null }> {
  const chunks: ReadChunk[] = [];
  for (let afterSeq = 0; ;) {
    const answer = await wire.call(processRead, { processId, afterSeq, waitMs: 2000, ...more });
    for (const { seq, stream, chunk } of answer.chunks) {
      const lastSeq = chunks.at(-1)?.seq ?? 0;
      if (seq <= lastSeq) throw new Mismatch(`each chunk once, above seq ${lastSeq}`, `seq ${seq}`);
      chunks.push({ seq, stream, bytes: bytesOf(chunk) });
    }
    afterSeq = answer.nextSeq - 1;
    // With maxBytes the last answers may be cut short although the process is closed.
    if (answer.closed === true && answer.chunks.length === 0) {
      const bytes = concatBytes(chunks.map((chunk) => chunk.bytes));
      return { chunks, bytes, text: utf8Decode(bytes), exitCode: answer.exitCode };
    }
  }
}

/** What is retained now. */
export async function readText(wire: Wire, processId: string): Promise<string> {
  const { chunks } = await wire.call(processRead, { processId });
  return utf8Decode(concatBytes(chunks.map(({ chunk }) => bytesOf(chunk))));
}
