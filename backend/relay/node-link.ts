// What rendezvous nodes tell each other over the bus: who lives, which executors they have, and frames of harnesses that
// are at another node than their executor. No other state is shared.
//
//   to all      hello (I am new), alive (every second), executors (mine, or one that came or went)
//   to one      attach, detach (a harness of mine and its streams), up (its frame), down (a frame for it),
//               taken (another connection has a stream of it), hold, go (backpressure), close
//
// First byte: the kind. Frames are carried as they are behind a short head; the rest is JSON.

import * as z from 'zod';
import type { CloseInfo } from '../../shared/connection/connection.ts';
import { utf8Decode } from '../../shared/bytes.ts';
import type { FrameBus } from './bus.ts';
import { MemoryBus } from './bus-memory.ts';
import type { RelayMetrics } from './relay-metrics.ts';

const Kind = {
  hello: 1,
  alive: 2,
  executors: 3,
  attach: 4,
  detach: 5,
  up: 6,
  down: 7,
  hold: 8,
  go: 9,
  close: 10,
  taken: 11,
} as const;

const presenceSchema = z.object({
  executorId: z.string(),
  name: z.string(),
  peer: z.string(),
  sinceMs: z.number(),
  streams: z.number(),
  isResumable: z.boolean(),
  noiseKey: z.string(),
});
/** An executor that is connected to some node. */
export type Presence = z.infer<typeof presenceSchema>;

const executorsSchema = z.object({
  online: z.array(presenceSchema),
  gone: z.array(z.object({ executorId: z.string(), mayReturn: z.boolean() })),
});
const attachSchema = z.object({
  executorId: z.string(),
  key: z.string(),
  peer: z.string(),
  isResumable: z.boolean(),
  streams: z.array(z.string()),
});
export type Attach = z.infer<typeof attachSchema>;
const detachSchema = z.object({
  executorId: z.string(),
  key: z.string(),
  code: z.number().optional(),
  reason: z.string(),
});
const keySchema = z.object({ executorId: z.string(), key: z.string() });
const takenSchema = z.object({ executorId: z.string(), key: z.string(), streamId: z.string() });
const closeSchema = z.object({ executorId: z.string(), key: z.string(), code: z.number(), reason: z.string() });

export interface NodeLinkHandler {
  /** All executors here, for a node that is new. */
  presences(): Presence[];
  onExecutor(nodeId: string, presence: Presence): void;
  onExecutorGone(nodeId: string, executorId: string, mayReturn: boolean): void;
  onNodeGone(nodeId: string): void;
  onAttach(nodeId: string, attach: Attach): void;
  onDetach(nodeId: string, executorId: string, key: string, close: CloseInfo): void;
  onUp(nodeId: string, executorId: string, key: string, frame: Uint8Array): void;
  onDown(executorId: string, key: string, frame: Uint8Array): void;
  onTaken(executorId: string, key: string, streamId: string): void;
  onHold(executorId: string, key: string, isHeld: boolean): void;
  onClose(executorId: string, key: string, code: number, reason: string): void;
  /** The bus has room again. */
  onWritable(): void;
}

const aliveEveryMs = 1000;
/** A node that is silent for this long is gone. */
const deadAfterMs = 4000;
/** Presences per message, so that a message stays small. */
const presencesPerMessage = 500;

export class NodeLink {
  readonly #lastHeardMs = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  /** One that meets nobody, until `open`. */
  #bus: FrameBus = new MemoryBus();

  constructor(
    private readonly metrics: RelayMetrics,
    private readonly handler: NodeLinkHandler,
  ) {}

  get nodeId(): string {
    return this.#bus.nodeId;
  }

  get isWritable(): boolean {
    return this.#bus.isWritable;
  }

  /** @throws Error when the bus cannot be reached. */
  async open(bus: FrameBus): Promise<void> {
    this.#bus = bus;
    await this.#bus.open({
      onMessage: (from, message) => this.#receive(from, message),
      onWritable: () => this.handler.onWritable(),
    });
    this.#timer = setInterval(() => this.#beat(), aliveEveryMs);
    this.#timer.unref();
    this.#bus.broadcast(json(Kind.hello, {}));
  }

  announce(presence: Presence): void {
    this.#bus.broadcast(json(Kind.executors, { online: [presence], gone: [] }));
  }

  announceGone(executorId: string, mayReturn: boolean): void {
    this.#bus.broadcast(json(Kind.executors, { online: [], gone: [{ executorId, mayReturn }] }));
  }

  attach(nodeId: string, attach: Attach): void {
    this.#send(nodeId, json(Kind.attach, attach));
  }

  detach(nodeId: string, executorId: string, key: string, close: CloseInfo): void {
    this.#send(nodeId, json(Kind.detach, { executorId, key, ...close }));
  }

  up(nodeId: string, executorId: string, key: string, frame: Uint8Array): void {
    this.#send(nodeId, framed(Kind.up, executorId, key, frame));
  }

  down(nodeId: string, executorId: string, key: string, frame: Uint8Array): void {
    this.#send(nodeId, framed(Kind.down, executorId, key, frame));
  }

  taken(nodeId: string, executorId: string, key: string, streamId: string): void {
    this.#send(nodeId, json(Kind.taken, { executorId, key, streamId }));
  }

  hold(nodeId: string, executorId: string, key: string, isHeld: boolean): void {
    this.#send(nodeId, json(isHeld ? Kind.hold : Kind.go, { executorId, key }));
  }

  closeHarness(nodeId: string, executorId: string, key: string, code: number, reason: string): void {
    this.#send(nodeId, json(Kind.close, { executorId, key, code, reason }));
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#bus.close();
  }

  #send(nodeId: string, message: Uint8Array): void {
    this.metrics.busMessagesOut++;
    this.#bus.send(nodeId, message);
  }

  #beat(): void {
    this.#bus.broadcast(json(Kind.alive, {}));
    const deadBeforeMs = performance.now() - deadAfterMs;
    for (const [nodeId, heardMs] of this.#lastHeardMs) {
      if (heardMs > deadBeforeMs) continue;
      this.#lastHeardMs.delete(nodeId);
      this.handler.onNodeGone(nodeId);
    }
  }

  /** Other nodes are ours, but a bus may be shared by mistake: what does not fit is ignored. */
  #receive(from: string, message: Uint8Array): void {
    this.metrics.busMessagesIn++;
    const isNew = !this.#lastHeardMs.has(from);
    this.#lastHeardMs.set(from, performance.now());
    const kind = message[0];
    if (isNew || kind === Kind.hello) this.#tellAll(from);
    if (kind === Kind.up || kind === Kind.down) {
      const head = tryReadHead(message);
      if (!head) return;
      if (kind === Kind.up) this.handler.onUp(from, head.executorId, head.key, head.frame);
      else this.handler.onDown(head.executorId, head.key, head.frame);
      return;
    }
    const content = tryJson(message);
    const { handler } = this;
    switch (kind) {
      case Kind.executors:
        withParsed(executorsSchema, content, ({ online, gone }) => {
          for (const presence of online) handler.onExecutor(from, presence);
          for (const { executorId, mayReturn } of gone) handler.onExecutorGone(from, executorId, mayReturn);
        });
        return;
      case Kind.attach:
        withParsed(attachSchema, content, (attach) => handler.onAttach(from, attach));
        return;
      case Kind.detach:
        withParsed(detachSchema, content, ({ executorId, key, code, reason }) =>
          handler.onDetach(from, executorId, key, code === undefined ? { reason } : { code, reason }),
        );
        return;
      case Kind.hold:
      case Kind.go:
        withParsed(keySchema, content, ({ executorId, key }) => handler.onHold(executorId, key, kind === Kind.hold));
        return;
      case Kind.taken:
        withParsed(takenSchema, content, ({ executorId, key, streamId }) => handler.onTaken(executorId, key, streamId));
        return;
      case Kind.close:
        withParsed(closeSchema, content, ({ executorId, key, code, reason }) =>
          handler.onClose(executorId, key, code, reason),
        );
        return;
      default:
    }
  }

  #tellAll(nodeId: string): void {
    const presences = this.handler.presences();
    for (let from = 0; from < presences.length; from += presencesPerMessage) {
      this.#send(nodeId, json(Kind.executors, { online: presences.slice(from, from + presencesPerMessage), gone: [] }));
    }
  }
}

function json(kind: number, content: unknown): Uint8Array {
  const text = JSON.stringify(content);
  const message = Buffer.allocUnsafe(1 + Buffer.byteLength(text));
  message[0] = kind;
  message.write(text, 1);
  return message;
}

function tryJson(message: Uint8Array): unknown {
  try {
    return JSON.parse(utf8Decode(message.subarray(1)));
  } catch {
    return undefined;
  }
}

function withParsed<T>(schema: z.ZodType<T>, content: unknown, use: (parsed: T) => void): void {
  const parsed = schema.safeParse(content);
  if (parsed.success) use(parsed.data);
}

/** kind, length of key, key, length of executor id (two bytes), executor id, frame */
function framed(kind: number, executorId: string, key: string, frame: Uint8Array): Uint8Array {
  const idLength = Buffer.byteLength(executorId);
  const head = 1 + 1 + key.length + 2 + idLength;
  const message = Buffer.allocUnsafe(head + frame.length);
  message[0] = kind;
  message[1] = key.length;
  message.write(key, 2, 'latin1');
  message.writeUInt16BE(idLength, 2 + key.length);
  message.write(executorId, 4 + key.length);
  message.set(frame, head);
  return message;
}

function tryReadHead(message: Uint8Array): { executorId: string; key: string; frame: Uint8Array } | undefined {
  const view = Buffer.from(message.buffer, message.byteOffset, message.length);
  const keyLength = view[1] ?? 0;
  if (view.length < 4 + keyLength) return undefined;
  const head = 4 + keyLength + view.readUInt16BE(2 + keyLength);
  if (view.length < head) return undefined;
  return {
    key: view.toString('latin1', 2, 2 + keyLength),
    executorId: view.toString('utf8', 4 + keyLength, head),
    frame: view.subarray(head),
  };
}
