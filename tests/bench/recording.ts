// Takes the output of one process at full speed and checks it afterwards: during the timed part only the borders of
// messages are noted, then everything is parsed, put in the order of `seq`, decoded and hashed.

import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';

import { parseMessage, isJsonObject, type BenchClient } from './bench-client.ts';

export interface Recording {
  /** Decoded bytes that arrived after the first chunk's message, over the time from that message to the last chunk. */
  readonly bytesPerSecond: number;
  /** All decoded bytes. */
  readonly bytes: number;
  readonly sha256: string;
  /** Share of the timed part in which this client had work to do; near 1, the client is what limits. */
  readonly clientBusy: number;
}

/** Notifications without output are shorter than this; only those are searched for the end. */
const LONGEST_CLOSED_MESSAGE = 400;

/**
 * Starts a process over a recording connection (see `RawWebSocketOptions.isRecording`) and takes its output.
 * @throws Error when the start is refused or the connection ends.
 */
export async function recordOutput(client: BenchClient, argv: readonly string[], tty: boolean): Promise<Recording> {
  const messages: { start: number; end: number; atMs: number }[] = [];
  const processId = client.newProcessId();
  const startId = 1_000_000_000;
  const before = performance.eventLoopUtilization();
  let buffer: Buffer | undefined;
  await new Promise<void>((resolve, reject) => {
    client.socket.onClosed = reject;
    client.socket.onMessage = (received, start, end) => {
      buffer = received;
      messages.push({ start, end, atMs: performance.now() });
      if (end - start > LONGEST_CLOSED_MESSAGE) return;
      const text = received.toString('latin1', start, end);
      if (text.includes('"process/closed"')) resolve();
      else if (text.includes('"error"')) reject(new Error(text));
    };
    client.socket.send(client.requestFrame(startId, 'process/start', client.startParams(processId, argv, tty)));
  });
  const clientBusy = performance.eventLoopUtilization(before).utilization;
  return { ...check(buffer ?? Buffer.alloc(0), messages), clientBusy };
}

function check(
  buffer: Buffer,
  messages: readonly { start: number; end: number; atMs: number }[],
): Omit<Recording, 'clientBusy'> {
  const chunks: { seq: number; bytes: Buffer; atMs: number }[] = [];
  for (const { start, end, atMs } of messages) {
    const { method, params } = parseMessage(buffer.toString('latin1', start, end));
    if (method !== 'process/output' || !isJsonObject(params)) continue;
    chunks.push({ seq: Number(params['seq']), bytes: Buffer.from(String(params['chunk']), 'base64'), atMs });
  }
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0);
  const first = chunks[0];
  const last = chunks.at(-1);
  const seconds = first && last ? (last.atMs - first.atMs) / 1000 : Number.NaN;
  const hash = createHash('sha256');
  // Peers may send out of the order of `seq`; the promise is about the bytes in that order.
  for (const chunk of chunks.sort((left, right) => left.seq - right.seq)) hash.update(chunk.bytes);
  return { bytesPerSecond: (bytes - (first?.bytes.length ?? 0)) / seconds, bytes, sha256: hash.digest('hex') };
}
