// One WebSocket as a case sees it that speaks frames by itself (RFC 6455 §5.2): whole, in pieces, masked or not, well-formed or
// not. For rules that no WebSocket library lets one break.

import { concatBytes, tryUtf8Decode, utf8Decode, utf8Encode } from '../bytes.ts';
import type { CaseContext } from './context.ts';
import { isRecord } from './facts.ts';
import { Mismatch } from './mismatch.ts';
import type { ByteLink } from './target.ts';

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface RawFrame {
  readonly opcode: number;
  readonly isFinal: boolean;
  readonly payload: Uint8Array;
}

export interface FrameShape {
  /** Default true. */
  readonly isFinal?: boolean;
  /** Default true, as clients must. */
  readonly isMasked?: boolean;
  /** The three reserved bits, 0 to 7. Default 0. */
  readonly reserved?: number;
  /** The length that is announced. Default: the payload's. */
  readonly announcedBytes?: number;
}

const mask = [0x37, 0xfa, 0x21, 0x3d] as const;

/** The bytes of one frame of a client. */
export function clientFrame(opcode: number, payload: Uint8Array, shape: FrameShape = {}): Uint8Array {
  const { isFinal = true, isMasked = true, reserved = 0, announcedBytes: length = payload.length } = shape;
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = new Uint8Array(2 + lengthBytes + (isMasked ? 4 : 0));
  const view = new DataView(head.buffer);
  head[0] = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode;
  head[1] = (isMasked ? 0x80 : 0) | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) view.setUint16(2, length);
  if (lengthBytes === 8) view.setBigUint64(2, BigInt(length));
  if (!isMasked) return concatBytes([head, payload]);
  head.set(mask, 2 + lengthBytes);
  return concatBytes([head, payload.map((byte, index) => byte ^ (mask[index & 3] ?? 0))]);
}

export interface ReadFrame extends RawFrame {
  readonly isMasked: boolean;
  readonly reserved: number;
  /** Of the whole frame, also while its payload is not there. */
  readonly frameBytes: number;
}

/** The first frame in `bytes`, or its head as long as its payload is incomplete; undefined while even that is. */
export function readFrame(bytes: Uint8Array): ReadFrame | undefined {
  const [first = 0, second = 0] = bytes;
  const short = second & 0x7f;
  const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
  const maskBytes = (second & 0x80) === 0 ? 0 : 4;
  const start = 2 + lengthBytes + maskBytes;
  if (bytes.length < start) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const length = lengthBytes === 0 ? short : lengthBytes === 2 ? view.getUint16(2) : Number(view.getBigUint64(2));
  const key = bytes.subarray(start - maskBytes, start);
  const body = bytes.subarray(start, start + length);
  return {
    opcode: first & 0x0f,
    isFinal: (first & 0x80) !== 0,
    isMasked: maskBytes > 0,
    reserved: (first >> 4) & 7,
    payload: maskBytes === 0 ? body : body.map((byte, index) => byte ^ (key[index & 3] ?? 0)),
    frameBytes: start + length,
  };
}

/** The complete frames at the beginning of `bytes`, and what is left. */
export function readFrames(bytes: Uint8Array): { readonly frames: readonly ReadFrame[]; readonly rest: Uint8Array } {
  const frames: ReadFrame[] = [];
  let rest = bytes;
  for (let frame = readFrame(rest); frame && frame.frameBytes <= rest.length; frame = readFrame(rest)) {
    frames.push(frame);
    rest = rest.subarray(frame.frameBytes);
  }
  return { frames, rest };
}

export class RawWebSocket {
  /** All frames, in the order they came. */
  readonly frames: RawFrame[] = [];
  /** The TCP connection has ended. */
  isEnded = false;
  #rest: Uint8Array = new Uint8Array();
  #link: ByteLink | undefined;
  readonly #name: string;

  private constructor(private readonly t: CaseContext) {
    this.#name = t.transcript.nextConnection();
  }

  /** @param url of the relay; default: the target's. */
  static async open(t: CaseContext, url?: string): Promise<RawWebSocket> {
    const { bytes } = t.target;
    if (!bytes) throw new Error('the bytes of a connection cannot be had here');
    const socket = new RawWebSocket(t);
    const link = await bytes(
      { onBytes: (received) => socket.#receive(received), onEnd: () => socket.#end() },
      url ?? t.target.websocket?.url,
    );
    socket.#link = link;
    t.transcript.add(socket.#name, 'opened', 'frame by frame');
    t.onEnd(() => link.close());
    return socket;
  }

  /** A session on it: `initialize` is answered, `initialized` said. @returns the session's id. */
  async shakeHands(resumeSessionId: string | null = null): Promise<string> {
    this.sendText(JSON.stringify({ id: 1, method: 'initialize', params: { clientName: 'c', resumeSessionId } }));
    const { result } = await this.answer(1);
    this.sendText('{"method":"initialized"}');
    const sessionId = isRecord(result) ? result['sessionId'] : undefined;
    if (typeof sessionId !== 'string') throw new Mismatch('a sessionId', JSON.stringify(result));
    return sessionId;
  }

  sendText(text: string): void {
    this.send('text', text);
  }

  send(kind: keyof typeof opcodes | number, payload: string | Uint8Array, shape: FrameShape = {}): void {
    const bytes = typeof payload === 'string' ? utf8Encode(payload) : payload;
    this.sendBytes(clientFrame(typeof kind === 'number' ? kind : opcodes[kind], bytes, shape), kind, shape, bytes);
  }

  close(code: number, reason = ''): void {
    this.send('close', concatBytes([Uint8Array.of(code >> 8, code & 0xff), utf8Encode(reason)]));
  }

  /** As they are. */
  sendBytes(bytes: Uint8Array, kind: string | number = 'bytes', shape: FrameShape = {}, about = bytes): void {
    const said = Object.keys(shape).length === 0 ? '' : ` ${JSON.stringify(shape)}`;
    this.t.transcript.add(this.#name, 'sent', `${kind}${said} ${readable(about)}`);
    this.#link?.send(bytes);
  }

  /** Ends the TCP connection without a word. */
  drop(): void {
    this.#link?.close();
  }

  /** The frame of that kind after the first `after` ones of it. @throws Mismatch when it does not come. */
  next(kind: keyof typeof opcodes, after = 0, withinMs = this.t.waitMs): Promise<RawFrame> {
    const find = () => this.frames.filter(({ opcode }) => opcode === opcodes[kind])[after];
    return this.#until(`a ${kind} frame`, find, withinMs);
  }

  /** The answer with this id. */
  answer(id: number): Promise<Record<string, unknown>> {
    return this.#until(`an answer with id ${id}`, () => this.messages().find((message) => message['id'] === id));
  }

  /** What came in text frames, as far as it is JSON. */
  messages(): readonly Record<string, unknown>[] {
    return this.frames.flatMap(({ opcode, payload }) => {
      if (opcode !== opcodes.text) return [];
      const message: unknown = JSON.parse(utf8Decode(payload));
      return isRecord(message) ? [message] : [];
    });
  }

  /** The end by the peer: the code of its close frame, undefined when it dropped the connection. */
  async ended(withinMs = this.t.waitMs): Promise<number | undefined> {
    const closing = () => this.frames.find(({ opcode }) => opcode === opcodes.close);
    await this.t.parts.waiting.until('the end of the connection', withinMs, () =>
      closing() || this.isEnded ? true : undefined,
    );
    const payload = closing()?.payload;
    if (!payload) return undefined;
    return payload.length < 2 ? 1005 : ((payload[0] ?? 0) << 8) | (payload[1] ?? 0);
  }

  #until<T>(what: string, find: () => T | undefined, withinMs = this.t.waitMs): Promise<T> {
    const hopeless = () => (this.isEnded ? 'the end of the connection' : undefined);
    return this.t.parts.waiting.until(what, withinMs, find, hopeless);
  }

  #receive(bytes: Uint8Array): void {
    const { frames, rest } = readFrames(concatBytes([this.#rest, bytes]));
    this.#rest = rest;
    for (const frame of frames) {
      const name = Object.entries(opcodes).find(([, opcode]) => opcode === frame.opcode)?.[0] ?? String(frame.opcode);
      this.t.transcript.add(this.#name, 'received', `${name} ${readable(frame.payload)}`);
      this.frames.push(frame);
    }
    this.t.parts.waiting.changed();
  }

  #end(): void {
    this.isEnded = true;
    this.t.transcript.add(this.#name, 'closed', 'the TCP connection has ended');
    this.t.parts.waiting.changed();
  }
}

/** The text, or where it is none the bytes. */
function readable(bytes: Uint8Array): string {
  const cut = bytes.subarray(0, 400);
  return tryUtf8Decode(cut) ?? Array.from(cut.subarray(0, 40), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
