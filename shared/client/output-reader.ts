// The output of a process for whoever reads it at their own pace: all of it in order, or stdout and stderr apart. What nobody
// reads is bounded: the handle then leaves the rest to the server, which keeps it for a while, and takes it up again when there
// is room. What is lost is told to the reader, never skipped.

import { LocalError } from '../errors.ts';
import type { LostOutput, OutputBytes, ProcessListener } from './process-handle.ts';

export interface ReaderOptions {
  /** Bytes that wait for their reader before the rest is left to the server. Default 1 MiB. */
  readonly maxUnreadBytes?: number | undefined;
  /** Output was lost: told here, and reading goes on after it. Default: the reader gets LocalError `output-lost`. */
  readonly onLost?: ((lost: LostOutput) => void) | undefined;
}

interface Source {
  /** There is no room: nothing more until `takeUp`. */
  leave(): void;
  takeUp(): void;
}

const defaultMaxUnreadBytes = 1024 * 1024;

export class OutputReader implements ProcessListener {
  #views: 'none' | 'together' | 'apart' = 'none';
  readonly #all = new OutputQueue();
  readonly #stdout = new OutputQueue();
  readonly #stderr = new OutputQueue();
  readonly #maxUnreadBytes: number;
  #hasLeft = false;

  constructor(
    private readonly source: Source,
    private readonly options: ReaderOptions,
  ) {
    this.#maxUnreadBytes = options.maxUnreadBytes ?? defaultMaxUnreadBytes;
  }

  /** @throws LocalError `invalid-argument` when stdout or stderr is being read. */
  get output(): AsyncIterable<OutputBytes> {
    if (this.#views === 'apart')
      throw new LocalError('invalid-argument', 'stdout and stderr are read apart: output is not to be had as well');
    this.#views = 'together';
    return {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          const value = await this.#next(this.#all);
          return value ? { done: false, value } : { done: true, value: undefined };
        },
      }),
    };
  }

  /** @throws LocalError `invalid-argument` when `output` is being read. */
  stream(name: 'stdout' | 'stderr'): ReadableStream<Uint8Array> {
    if (this.#views === 'together')
      throw new LocalError('invalid-argument', `output is being read: ${name} is not to be had as well`);
    if (this.#views === 'none') {
      this.#views = 'apart';
      for (const item of this.#all.takeAll()) this.#add(item);
      if (this.#all.end) this.#end(this.#all.end.error);
    }
    const queue = this.#queueOf(name);
    queue.isWanted = true;
    return new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const output = await this.#next(queue);
          if (output) controller.enqueue(output.bytes);
          else controller.close();
        },
        cancel: () => {
          queue.discard();
          this.#takeUpIfRoom();
        },
      },
      { highWaterMark: 0 },
    );
  }

  onOutput(output: OutputBytes): void {
    this.#add(output);
    if (this.#hasLeft || this.unreadBytes <= this.#maxUnreadBytes) return;
    const apart = this.#views === 'apart' ? [this.#stdout, this.#stderr] : [];
    // Who wants stdout must not starve because nobody reads stderr, which then loses its oldest, and is told so.
    for (const queue of apart) if (!queue.isWanted) queue.dropOldest(this.#maxUnreadBytes / 2);
    if (apart.some(({ hasReader }) => hasReader)) for (const queue of apart) queue.dropOldest(this.#maxUnreadBytes);
    else if (this.unreadBytes > this.#maxUnreadBytes) {
      this.#hasLeft = true;
      this.source.leave();
    }
  }

  onLost(lost: LostOutput): void {
    if (this.options.onLost) this.options.onLost(lost);
    else this.#add(outputLost(lost));
  }

  onClosed(): void {
    this.#end(undefined);
  }

  onAbandoned(reason: string): void {
    this.#end(new LocalError('closed', reason));
  }

  get unreadBytes(): number {
    return this.#all.bytes + this.#stdout.bytes + this.#stderr.bytes;
  }

  #queueOf(name: OutputBytes['stream']): OutputQueue {
    if (this.#views !== 'apart') return this.#all;
    return name === 'stderr' ? this.#stderr : this.#stdout;
  }

  #add(item: OutputBytes | LocalError): void {
    if (!(item instanceof LocalError)) this.#queueOf(item.stream).push(item);
    else if (this.#views !== 'apart') this.#all.push(item);
    else for (const queue of [this.#stdout, this.#stderr]) queue.push(item);
  }

  #end(error: LocalError | undefined): void {
    for (const queue of this.#views === 'apart' ? [this.#stdout, this.#stderr] : [this.#all]) queue.finish(error);
  }

  async #next(queue: OutputQueue): Promise<OutputBytes | undefined> {
    const next = queue.next();
    this.#takeUpIfRoom();
    return next;
  }

  #takeUpIfRoom(): void {
    const isWaitedFor = this.#all.hasReader || this.#stdout.hasReader || this.#stderr.hasReader;
    if (!this.#hasLeft || (this.unreadBytes > this.#maxUnreadBytes / 2 && !isWaitedFor)) return;
    this.#hasLeft = false;
    this.source.takeUp();
  }
}

/** Chunks, and the errors between them, that wait for one reader. */
class OutputQueue {
  bytes = 0;
  /** Somebody has asked for it. */
  isWanted = false;
  end: { readonly error: LocalError | undefined } | undefined;
  #items: (OutputBytes | LocalError)[] = [];
  #wake: (() => void) | undefined;
  #isDiscarded = false;

  get hasReader(): boolean {
    return this.#wake !== undefined;
  }

  push(item: OutputBytes | LocalError): void {
    if (this.#isDiscarded) return;
    this.#items.push(item);
    if (!(item instanceof LocalError)) this.bytes += item.bytes.length;
    this.#wakeReader();
  }

  finish(error: LocalError | undefined): void {
    this.end ??= { error };
    this.#wakeReader();
  }

  /** From here on it no longer waits, although it runs only a turn later. */
  #wakeReader(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Undefined at the end. @throws LocalError `output-lost` in the place of what is missing; `closed` at the end. */
  async next(): Promise<OutputBytes | undefined> {
    for (;;) {
      const item = this.#items.shift();
      if (item instanceof LocalError) throw item;
      if (item) {
        this.bytes -= item.bytes.length;
        return item;
      }
      if (this.end?.error) throw this.end.error;
      if (this.end) return undefined;
      if (this.#wake) throw new LocalError('invalid-argument', 'this output has a reader already');
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  takeAll(): (OutputBytes | LocalError)[] {
    this.bytes = 0;
    return this.#items.splice(0);
  }

  discard(): void {
    this.#isDiscarded = true;
    this.takeAll();
  }

  dropOldest(maxBytes: number): void {
    let dropped = 0;
    let [fromSeq, toSeq] = [0, 0];
    while (this.bytes > maxBytes) {
      const item = this.#items.shift();
      if (!item) break;
      if (item instanceof LocalError) continue;
      this.bytes -= item.bytes.length;
      dropped += item.bytes.length;
      fromSeq ||= item.seq;
      toSeq = item.seq;
    }
    if (dropped > 0) this.#items.unshift(outputLost({ fromSeq, toSeq, bytes: dropped }));
  }
}

function outputLost({ fromSeq, toSeq, bytes }: LostOutput): LocalError {
  const amount = bytes === undefined ? 'output' : `${bytes} bytes of output`;
  return new LocalError('output-lost', `${amount} (seq ${fromSeq} to ${toSeq}) came while nobody read, and is gone`);
}
