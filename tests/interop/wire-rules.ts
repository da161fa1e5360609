// What must hold on the wire whatever the scenario: order and numbering of a process' notifications, and no request of
// a genuine CLI that the server does not know or cannot read.
import * as z from 'zod';
import type { WireTap } from './wire-tap.ts';

/** The CLI refuses a larger chunk: “process event exceeds 1048576 bytes”. */
const MAX_CHUNK_BYTES = 1_048_576;
/** Method not found and invalid params: a genuine CLI asks for nothing that deserves them. */
const UNEXPECTED_CODES: readonly number[] = [-32601, -32602];

const processSchema = z.looseObject({ processId: z.string() });
const eventSchema = processSchema.extend({ seq: z.number(), chunk: z.string().optional() });

/** One line per rule that was broken; empty when all held. */
export function wireFaults(tap: WireTap): string[] {
  const faults: string[] = [];
  /** Per connection and process: the last `seq` seen; absent until the answer to its start has come. */
  const lastSeqs = new Map<string, number>();
  const requests = new Map<string, { method: string; processId: string | undefined }>();
  for (const { connection, direction, message } of tap.messages) {
    const { id, method } = message;
    if (direction === 'to-server') {
      const processId = processSchema.safeParse(message.params).data?.processId;
      if (id !== undefined && method !== undefined)
        requests.set(`${String(connection)}/${String(id)}`, { method, processId });
      continue;
    }
    if (method === undefined) {
      const request = requests.get(`${String(connection)}/${String(id)}`);
      if (request === undefined) {
        faults.push(`an answer to no request: ${JSON.stringify(message).slice(0, 200)}`);
      } else if (message.error !== undefined && UNEXPECTED_CODES.includes(message.error.code)) {
        faults.push(`${request.method} answered ${String(message.error.code)} ${message.error.message}`);
      } else if (request.method === 'process/start' && request.processId !== undefined) {
        lastSeqs.set(`${String(connection)}/${request.processId}`, 0);
      }
      continue;
    }
    if (!method.startsWith('process/')) continue;
    const event = eventSchema.safeParse(message.params);
    if (!event.success) continue;
    const { processId, seq, chunk } = event.data;
    const key = `${String(connection)}/${processId}`;
    const last = lastSeqs.get(key);
    if (last === undefined && connection === 1)
      faults.push(`${method} ${String(seq)} of ${processId} before the answer to its start`);
    if (last !== undefined && seq !== last + 1)
      faults.push(`${method} of ${processId} has seq ${String(seq)} after ${String(last)}`);
    if (chunk !== undefined && Buffer.byteLength(chunk, 'base64') > MAX_CHUNK_BYTES)
      faults.push(`a chunk of ${processId} is larger than 1 MiB`);
    lastSeqs.set(key, seq);
  }
  return faults;
}
