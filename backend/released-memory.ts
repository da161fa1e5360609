// Memory of messages that is given back at once instead of by the collector, which V8 runs on the whole heap for each 64 MiB
// outside of it: a buffer of 87 kB that is allocated, filled and released costs a quarter of one that is left behind.

import { MessageChannel, type MessagePort } from 'node:worker_threads';

/** Larger messages are rare. Up to twice as much free memory is kept. */
const largestReusedBytes = 16 * 1024 * 1024;

let nowhere: MessagePort | undefined;

/**
 * Frees the memory of `bytes`: what is moved to a closed port is gone. Nobody may use them any more, nor anything else that
 * lies in the same ArrayBuffer.
 */
export function release(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (!(buffer instanceof ArrayBuffer)) return;
  if (!nowhere) {
    nowhere = new MessageChannel().port1;
    nowhere.close();
    // glibc asks the system for each block as large as the largest that was freed so far, 1,400 page faults for a message of
    // 5.6 MB, and reuses its memory for what is smaller.
    release(Buffer.allocUnsafeSlow(largestReusedBytes));
  }
  nowhere.postMessage(undefined, [buffer]);
}

/** As `release`, if nothing else lies in their memory. */
export function releaseWhole(bytes: Uint8Array): void {
  if (bytes.byteLength === bytes.buffer.byteLength) release(bytes);
}
