// The answer to process/snapshot: retained output per stream (docs/protocol.md, "Extensions").

import { base64Encode } from '../../shared/bytes.ts';
import type { OutputStream } from '../process/child.ts';
import type { ManagedProcess } from '../process/process.ts';

/** @param maxBytes per stream: of more, the first and the last half are kept. */
export function snapshotOf(process: ManagedProcess, maxBytes: number) {
  const parts: Record<OutputStream, Buffer[]> = { stdout: [], stderr: [], pty: [] };
  for (const { stream, base64 } of process.readOutput(0, Infinity)) parts[stream].push(Buffer.from(base64, 'base64'));
  let droppedBytes = process.droppedBytes;
  const textOf = (stream: OutputStream) => {
    const whole = Buffer.concat(parts[stream]);
    if (whole.length <= maxBytes) return base64Encode(whole);
    droppedBytes += whole.length - maxBytes;
    const head = whole.subarray(0, Math.ceil(maxBytes / 2));
    const tail = whole.subarray(whole.length - Math.floor(maxBytes / 2));
    return base64Encode(Buffer.concat([head, tail]));
  };
  const [stdout, stderr, terminal] = [textOf('stdout'), textOf('stderr'), textOf('pty')];
  return {
    stdout,
    stderr,
    terminal,
    truncated: droppedBytes > 0,
    droppedBytes,
    exitCode: process.exitCode ?? null,
    running: !process.hasExited,
    nextSeq: process.nextSeq,
  };
}
