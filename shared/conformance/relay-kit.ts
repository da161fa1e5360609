// The relay as a case sees it: raw carriers to the rendezvous, in either role, that send frames, bytes or text and keep what
// comes; and a Connection over one stream with the least an endpoint can do.

import type { CloseInfo } from '../connection/connection.ts';
import type { WebSocketLike } from '../connection/websocket.ts';
import { decodeFrame, encodeFrame } from '../relay/codec.ts';
import { frameText, type RelayBody, type RelayFrame } from '../relay/frame.ts';
import { dialCarrier, type WebSocketCarrier } from '../relay/websocket-carrier.ts';
import { utf8Decode, utf8Encode } from '../bytes.ts';
import type { CaseContext } from './context.ts';
import { isRecord } from './facts.ts';
import { Mismatch, shown } from './mismatch.ts';
import type { RelayTarget } from './target.ts';
import { closeText } from './wire.ts';

export type RelayRole = 'executor' | 'harness';

/** A random id: of a stream, or of an executor that only this case has. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}

export class RelayKit {
  readonly #peers: RelayPeer[] = [];

  constructor(
    readonly target: RelayTarget,
    private readonly context: CaseContext,
  ) {}

  /** A signed URL. @param member `url`, or `resumable_url` for a peer that resumes its streams. */
  async url(role: RelayRole, executorId: string, member: 'url' | 'resumable_url' = 'url'): Promise<string> {
    const door = role === 'executor' ? 'register' : 'connect';
    const path = `/cloud/executor/${encodeURIComponent(executorId)}/${door}`;
    const { status, body } = await this.target.registry('POST', path);
    const url = isRecord(body) ? body[member] : undefined;
    if (status !== 200 || typeof url !== 'string') throw new Mismatch(`200 and a ${member} from ${path}`, shown(body));
    return url;
  }

  async dial(url: string): Promise<RelayPeer> {
    let socket: WebSocketLike | undefined;
    const factory = (to: string) => (socket = this.target.factory(to));
    const carrier = await dialCarrier(url, { factory, timeoutMs: this.context.waitMs });
    if (!socket) throw new Error('the factory made no socket');
    const peer = new RelayPeer(carrier, socket, this.context);
    this.#peers.push(peer);
    return peer;
  }

  async peer(role: RelayRole, executorId: string, member?: 'url' | 'resumable_url'): Promise<RelayPeer> {
    return this.dial(await this.url(role, executorId, member));
  }

  /** An executor of this case's own and a harness, neither of which resumes. */
  async pair(): Promise<{ executor: RelayPeer; harness: RelayPeer; executorId: string }> {
    const executorId = `conformance-${randomId()}`;
    const executor = await this.peer('executor', executorId);
    return { executor, harness: await this.peer('harness', executorId), executorId };
  }

  close(): void {
    for (const peer of this.#peers.splice(0)) peer.close();
  }
}

export class RelayPeer {
  /** Valid frames, in the order they came. */
  readonly frames: RelayFrame[] = [];
  /** The bytes of each of them. */
  readonly bytes: Uint8Array[] = [];
  closeInfo: CloseInfo | undefined;
  readonly name: string;
  readonly #taken = new Set<RelayFrame>();

  constructor(
    private readonly carrier: WebSocketCarrier,
    private readonly socket: WebSocketLike,
    private readonly context: CaseContext,
  ) {
    const { transcript, waiting } = context.parts;
    this.name = transcript.nextConnection();
    transcript.add(this.name, 'opened', 'relay');
    carrier.open({
      onFrame: (bytes) => {
        const frame = decodeFrame(bytes);
        transcript.add(this.name, 'received', typeof frame === 'string' ? `no frame: ${frame}` : described(frame));
        if (typeof frame !== 'string') {
          this.frames.push(frame);
          this.bytes.push(bytes);
        }
        waiting.changed();
      },
      onWritable: () => undefined,
      onClose: (close) => {
        transcript.add(this.name, 'closed', closeText(close));
        this.closeInfo = close;
        waiting.changed();
      },
    });
  }

  send(streamId: string, body: RelayBody, ack: { ack?: number; ackBits?: number } = {}): void {
    const frame = { streamId, ack: ack.ack ?? 0, ackBits: ack.ackBits ?? 0, body };
    this.context.transcript.add(this.name, 'sent', described(frame));
    this.carrier.send(encodeFrame(frame));
  }

  /** One data frame of one segment. */
  sendData(streamId: string, text: string, seq: number): void {
    this.send(streamId, { kind: 'data', seq, segmentIndex: 0, segmentCount: 1, payload: utf8Encode(text) });
  }

  sendBytes(bytes: Uint8Array<ArrayBuffer>): void {
    this.context.transcript.add(this.name, 'sent', `${bytes.length} bytes that are no frame`);
    this.carrier.send(bytes);
  }

  sendText(text: string): void {
    this.context.transcript.add(this.name, 'sent', `text message ${JSON.stringify(text)}`);
    this.socket.send(text);
  }

  /** The first frame that matches and was not taken before. */
  next<T>(what: string, match: (frame: RelayFrame) => T | undefined): Promise<T> {
    const find = () => {
      for (const frame of this.frames) {
        if (this.#taken.has(frame)) continue;
        const value = match(frame);
        if (value === undefined) continue;
        this.#taken.add(frame);
        return value;
      }
      return undefined;
    };
    const hopeless = () => this.closeInfo && `the carrier ended: ${closeText(this.closeInfo)}`;
    return this.context.parts.waiting.until(what, this.context.waitMs, find, hopeless);
  }

  /** The text of the next data frame of a stream. */
  nextData(streamId: string): Promise<string> {
    return this.next(`a data frame of ${streamId}`, (frame) =>
      frame.streamId === streamId && frame.body.kind === 'data' ? utf8Decode(frame.body.payload) : undefined,
    );
  }

  /** The reason of the reset of a stream. */
  nextReset(streamId: string): Promise<string> {
    return this.next(`a reset of ${streamId}`, (frame) =>
      frame.streamId === streamId && frame.body.kind === 'reset' ? frame.body.reason : undefined,
    );
  }

  ended(): Promise<CloseInfo> {
    const { waiting } = this.context.parts;
    return waiting.until(`the end of carrier ${this.name}`, this.context.waitMs, () => this.closeInfo);
  }

  close(code?: number): void {
    this.carrier.close(code);
  }
}

function described(frame: RelayFrame): string {
  const { body } = frame;
  if (body.kind !== 'data') return frameText(frame);
  return `${frameText(frame)}: ${utf8Decode(body.payload.subarray(0, 500))}`;
}
