// The two carriers a test drives by hand, below any protocol code of ours: a WebSocket and a program's stdio.
import type { ChildProcess } from 'node:child_process';
import type { ClientRequest } from 'node:http';
import { WebSocket } from 'ws';
import { within } from './until.ts';

export interface CarrierEnd {
  /** WebSocket close code; 1006 when the peer just ended the TCP connection. Over stdio 1000 at the end of stdout. */
  readonly code: number;
  readonly reason: string;
}

export interface Carrier {
  readonly kind: 'websocket' | 'stdio';
  onMessage: (text: string) => void;
  /** A close frame, a drop, or the end of stdout; settles once and never rejects. */
  readonly ended: Promise<CarrierEnd>;
  /** One message: a text frame; over stdio the text and a line feed. */
  sendText(text: string): void;
  /** Over stdio exactly these bytes, which may be part of a line or several lines; else one text frame. */
  sendRaw(bytes: string | Uint8Array): void;
  /** A binary frame; over stdio these bytes and a line feed. */
  sendBytes(bytes: Uint8Array): void;
  /** Bytes handed over and not yet taken by the operating system. */
  unsentBytes(): number;
  /** Stops and goes on reading from the socket, so that the server meets a peer that does not read. */
  pause(): void;
  resume(): void;
  /** Ends as a crash would: TCP reset or closed without a close frame; over stdio, end of file. */
  drop(): void;
  /** Ends politely: close handshake; over stdio, end of file. Settles when the server is done. */
  close(): Promise<void>;
}

export interface WebSocketOptions {
  readonly headers?: Record<string, string>;
  readonly withinMs?: number;
}

/** The upgrade was refused; `status` is the HTTP status. */
export class UpgradeRefused extends Error {
  constructor(
    readonly status: number,
    readonly body: string,
  ) {
    super(`upgrade refused with ${String(status)}: ${body.slice(0, 200)}`);
  }
}

/** @throws UpgradeRefused when the answer is not 101; Error when nothing answers in time. */
export async function connectWebSocket(url: string, options: WebSocketOptions = {}): Promise<Carrier> {
  const socket = new WebSocket(url, {
    headers: options.headers ?? {},
    perMessageDeflate: false,
    // A test decides for itself what is too large.
    maxPayload: 1024 * 1024 * 1024,
  });
  socket.binaryType = 'nodebuffer';
  let end: (end: CarrierEnd) => void = () => undefined;
  const ended = new Promise<CarrierEnd>((resolve) => (end = resolve));
  const carrier: Carrier = {
    kind: 'websocket',
    onMessage: () => undefined,
    ended,
    sendText: (text) => {
      socket.send(text);
    },
    sendRaw: (bytes) => {
      socket.send(bytes, { binary: false });
    },
    sendBytes: (bytes) => {
      socket.send(bytes, { binary: true });
    },
    unsentBytes: () => socket.bufferedAmount,
    pause: () => {
      socket.pause();
    },
    resume: () => {
      socket.resume();
    },
    drop: () => {
      socket.terminate();
    },
    close: async () => {
      socket.close(1000);
      await within('the close handshake', 5_000, ended).catch(() => {
        socket.terminate();
      });
    },
  };
  const opened = new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
    socket.once('unexpected-response', (request: ClientRequest, response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => {
        request.destroy();
        reject(new UpgradeRefused(response.statusCode ?? 0, Buffer.concat(parts).toString()));
      });
    });
  });
  socket.on('error', () => undefined);
  socket.on('message', (data: Buffer) => {
    carrier.onMessage(data.toString('utf8'));
  });
  socket.once('close', (code, reason) => {
    end({ code, reason: reason.toString() });
  });
  try {
    await within(`the upgrade at ${url}`, options.withinMs ?? 5_000, opened);
  } catch (error) {
    socket.terminate();
    throw error;
  }
  return carrier;
}

/** Newline-delimited JSON over the stdin and stdout of `child` (docs: `--listen stdio://`). */
export function carryStdio(child: ChildProcess): Carrier {
  const { stdin, stdout } = child;
  if (!stdin || !stdout) throw new Error('the child needs piped stdin and stdout');
  let end: (end: CarrierEnd) => void = () => undefined;
  const ended = new Promise<CarrierEnd>((resolve) => (end = resolve));
  const carrier: Carrier = {
    kind: 'stdio',
    onMessage: () => undefined,
    ended,
    sendText: (text) => {
      stdin.write(`${text}\n`);
    },
    sendRaw: (bytes) => {
      stdin.write(bytes);
    },
    sendBytes: (bytes) => {
      stdin.write(Buffer.concat([bytes, Buffer.from('\n')]));
    },
    unsentBytes: () => stdin.writableLength,
    pause: () => {
      stdout.pause();
    },
    resume: () => {
      stdout.resume();
    },
    drop: () => {
      stdin.end();
    },
    close: async () => {
      stdin.end();
      await within('the end of stdout', 5_000, ended);
    },
  };
  stdin.on('error', () => undefined);
  let rest: Buffer[] = [];
  stdout.on('data', (bytes: Buffer) => {
    let from = 0;
    for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, from)) {
      rest.push(bytes.subarray(from, at));
      carrier.onMessage(Buffer.concat(rest).toString('utf8'));
      rest = [];
      from = at + 1;
    }
    if (from < bytes.length) rest.push(bytes.subarray(from));
  });
  stdout.once('close', () => {
    end({ code: 1000, reason: 'end of stdout' });
  });
  return carrier;
}
