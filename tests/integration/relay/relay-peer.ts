// Drives one end of the relay by hand: registers or connects, dials, sends and collects frames, well-formed or not.
import { request } from 'node:http';
import { WebSocket } from 'ws';
import { decodeFrame, encodeFrame } from '../../../shared/relay/codec.ts';
import type { RelayBody, RelayFrame } from '../../../shared/relay/frame.ts';
import { asObject, asString, parseJson, type JsonObject } from '../../helpers/json.ts';
import type { RunningServer } from '../../helpers/server.ts';
import { until, within } from '../../helpers/until.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly body: JsonObject;
}

/** One request with the server's token; `token: ''` sends none. */
export async function call(
  server: RunningServer,
  method: string,
  path: string,
  options: { readonly token?: string; readonly body?: unknown } = {},
): Promise<HttpAnswer> {
  const token = options.token ?? server.token ?? '';
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  return await new Promise((resolve, reject) => {
    const headers = {
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const outgoing = request(`${server.httpUrl}${path}`, { method, headers }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('end', () => {
        const text = Buffer.concat(parts).toString();
        resolve({ status: answer.statusCode ?? 0, body: text.startsWith('{') ? asObject(parseJson(text)) : { text } });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

export async function relayUrl(
  server: RunningServer,
  role: 'executor' | 'harness',
  id: string,
  options: { readonly resumable?: boolean; readonly query?: string } = {},
): Promise<string> {
  const door = role === 'executor' ? 'register' : 'connect';
  const { status, body } = await call(server, 'POST', `/cloud/executor/${id}/${door}${options.query ?? ''}`);
  if (status !== 200) throw new Error(`${door} answered ${status}: ${JSON.stringify(body)}`);
  return asString(body[options.resumable === true ? 'resumable_url' : 'url']);
}

const opened = new Set<RelayPeer>();

/** Ends all that a test has opened. */
export function dropPeers(): void {
  for (const peer of opened) peer.socket.terminate();
  opened.clear();
}

export class RelayPeer {
  readonly frames: RelayFrame[] = [];
  close: { code: number; reason: string } | undefined;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => {
      const frame = decodeFrame(data);
      if (typeof frame === 'string') throw new Error(`a frame that is not valid: ${frame}`);
      this.frames.push(frame);
    });
    socket.on('close', (code, reason) => (this.close = { code, reason: reason.toString() }));
    socket.on('error', () => undefined);
  }

  static async dial(url: string): Promise<RelayPeer> {
    const socket = new WebSocket(url, { perMessageDeflate: false });
    const peer = new RelayPeer(socket);
    opened.add(peer);
    await within(
      'the relay to open',
      5_000,
      new Promise<void>((resolve, reject) => {
        socket.once('open', resolve);
        socket.once('unexpected-response', (_request, response) => {
          reject(new Error(`refused with ${String(response.statusCode)}`));
        });
        socket.once('error', reject);
      }),
    );
    return peer;
  }

  static async executor(
    server: RunningServer,
    id: string,
    options?: Parameters<typeof relayUrl>[3],
  ): Promise<RelayPeer> {
    return await RelayPeer.dial(await relayUrl(server, 'executor', id, options));
  }

  static async harness(
    server: RunningServer,
    id: string,
    options?: Parameters<typeof relayUrl>[3],
  ): Promise<RelayPeer> {
    return await RelayPeer.dial(await relayUrl(server, 'harness', id, options));
  }

  send(streamId: string, body: RelayBody): void {
    this.socket.send(encodeFrame({ streamId, ack: 0, ackBits: 0, body }));
  }

  sendData(streamId: string, text: string, seq = 0): void {
    this.send(streamId, { kind: 'data', seq, segmentIndex: 0, segmentCount: 1, payload: Buffer.from(text) });
  }

  /** Frames of a stream so far, as one word each: the text of data, or the kind, a reset with its reason. */
  words(streamId?: string): string[] {
    return this.frames
      .filter((frame) => streamId === undefined || frame.streamId === streamId)
      .map(({ body }) => {
        if (body.kind === 'data') return Buffer.from(body.payload).toString();
        return body.kind === 'reset' ? `reset ${body.reason}` : body.kind;
      });
  }

  async waitFor(streamId: string, word: string): Promise<void> {
    await until(`"${word}" on ${streamId}`, () => this.words(streamId).includes(word), {
      describe: () => JSON.stringify([this.words(), this.close]),
    });
  }

  async waitForClose(): Promise<{ code: number; reason: string }> {
    return await until('the connection to end', () => this.close);
  }

  /** As a broken link does. */
  cut(): void {
    this.socket.terminate();
  }
}
