// Runs a process to its end: input in, output collected up to a cap, exit code out.

import { concatBytes, utf8Decode } from '../bytes.ts';
import { LocalError } from '../errors.ts';
import { timerMs } from '../limits.ts';
import type { OutputBytes, ProcessHandle } from './process-handle.ts';

export interface CollectOptions {
  /** Bytes of output kept per stream; what comes after them is counted and dropped. Default 16 MiB. */
  readonly maxBytes?: number | undefined;
  /** The process is ended after this, ms. Default: none. */
  readonly timeoutMs?: number | undefined;
  /** Ends the process. */
  readonly signal?: AbortSignal | undefined;
}

/** How a process ended, and what it wrote. */
export class RunResult {
  constructor(
    /** 128 + n after signal n. */
    readonly exitCode: number,
    /** Of a terminal: all that it wrote. */
    readonly stdout: Uint8Array,
    readonly stderr: Uint8Array,
    /** Bytes above `maxBytes`, which are in neither. */
    readonly droppedBytes: number,
  ) {}

  /** `stdout` as UTF-8; invalid sequences become U+FFFD. */
  get stdoutText(): string {
    return utf8Decode(this.stdout);
  }

  get stderrText(): string {
    return utf8Decode(this.stderr);
  }
}

const defaultMaxBytes = 16 * 1024 * 1024;

/** For `ProcessHandle.communicate`, which tells what it throws. */
export async function collect(
  handle: ProcessHandle,
  output: AsyncIterable<OutputBytes>,
  input: Uint8Array | string | undefined,
  { maxBytes = defaultMaxBytes, timeoutMs, signal }: CollectOptions,
): Promise<RunResult> {
  const kept = { stdout: new Capped(maxBytes), stderr: new Capped(maxBytes) };
  const reading = (async () => {
    for await (const { stream, bytes } of output) kept[stream === 'stderr' ? 'stderr' : 'stdout'].add(bytes);
    return handle.wait();
  })();
  const writing = input === undefined ? Promise.resolve() : feed(handle, input);
  const exitCode = await endedInTime(Promise.all([reading, writing]), handle, timeoutMs, signal);
  const { stdout, stderr } = kept;
  return new RunResult(exitCode, stdout.bytes(), stderr.bytes(), stdout.droppedBytes + stderr.droppedBytes);
}

/** A process that ends before it has read everything is no error, as with pipes of a shell. */
async function feed(handle: ProcessHandle, input: Uint8Array | string): Promise<void> {
  try {
    await handle.write(input);
    await handle.closeStdin();
  } catch (error) {
    if (handle.state === 'running') throw error;
  }
}

function endedInTime(
  ending: Promise<readonly [number, void]>,
  handle: ProcessHandle,
  timeoutMs: number | undefined,
  signal: AbortSignal | undefined,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    const fail = (error: unknown) => {
      settle();
      // Nobody will read it any more. That it cannot be told so means that its connection, too, is gone.
      if (handle.state === 'running') handle.terminate().catch(() => undefined);
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const onAbort = () => fail(new LocalError('aborted', `${handle.processId} was aborted`));
    if (timeoutMs !== undefined) {
      const late = () => fail(new LocalError('timeout', `${handle.processId} has not ended within ${timeoutMs} ms`));
      timer = setTimeout(late, timerMs(timeoutMs));
    }
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted) onAbort();
    ending.then(([exitCode]) => {
      settle();
      resolve(exitCode);
    }, fail);
  });
}

class Capped {
  readonly #parts: Uint8Array[] = [];
  #room: number;
  droppedBytes = 0;

  constructor(maxBytes: number) {
    this.#room = maxBytes;
  }

  add(bytes: Uint8Array): void {
    const kept = bytes.subarray(0, this.#room);
    this.#room -= kept.length;
    this.droppedBytes += bytes.length - kept.length;
    if (kept.length > 0) this.#parts.push(kept);
  }

  bytes(): Uint8Array {
    return concatBytes(this.#parts);
  }
}
