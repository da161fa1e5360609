// The body of a response: whole and bounded, or as a stream of http/request/bodyDelta that goes as fast as the harness reads.

import type { IncomingMessage } from 'node:http';
import { base64Encode } from '../../shared/bytes.ts';
import type { ParamsOf } from '../../shared/protocol/declare.ts';
import type { httpBodyDelta } from '../../shared/protocol/http.ts';
import { transportText } from './exchange.ts';

/** Largest delta in bytes: small beside what 0.169 takes (1 MiB), so that other messages get between. */
const maxDeltaBytes = 64 * 1024;

/**
 * @param maxBytes above it the response is given up.
 * @throws Error whose message tells what happened.
 */
export async function readBody(response: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunksOf(response)) {
    length += chunk.length;
    if (length > maxBytes) {
      throw new Error(`the body is larger than ${maxBytes} bytes, the limit for one answer; use streamResponse`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

export interface DeltaSink {
  /** False: wait for `whenWritable`. */
  send(delta: ParamsOf<typeof httpBodyDelta>): boolean;
  whenWritable(): Promise<void>;
}

/**
 * Sends the deltas of a body, `seq` 1, 2, 3 …; the last one is empty and `done`, with the reason when the body broke off.
 * Never rejects. The response is paused while the harness does not read.
 * @param maxBytes above it the body is broken off, with the reason; 0: as long as it is.
 * @param onDone called before the last delta: from then on the id is free.
 * @param whyEnded the reason when we ended it ourselves (a time-out).
 */
export async function streamBody(
  response: IncomingMessage,
  requestId: string,
  sink: DeltaSink,
  maxBytes: number,
  onDone: () => void,
  whyEnded: () => string | undefined,
): Promise<void> {
  let seq = 1;
  let error: string | null = null;
  let length = 0;
  try {
    for await (const chunk of chunksOf(response)) {
      length += chunk.length;
      if (maxBytes > 0 && length > maxBytes) {
        throw new Error(`the body is larger than ${maxBytes} bytes (--http-max-response-bytes)`);
      }
      for (let offset = 0; offset < chunk.length; offset += maxDeltaBytes) {
        const deltaBase64 = base64Encode(chunk.subarray(offset, offset + maxDeltaBytes));
        const mayGoOn = sink.send({ requestId, seq: seq++, deltaBase64, done: false, error: null });
        if (!mayGoOn) await sink.whenWritable();
      }
    }
  } catch (thrown) {
    error = whyEnded() ?? `error decoding response body: ${transportText(thrown)}`;
  }
  onDone();
  sink.send({ requestId, seq, deltaBase64: '', done: true, error });
}

/** Destroys the response at the end, also when the reader gives up; a body that breaks off is an error. */
function chunksOf(response: IncomingMessage): AsyncIterable<Buffer> {
  return response;
}
