// `exec-workbench tap URL`: listens, connects each harness that comes to the executor, and records what passes
// (docs/recordings.md). With `--listen stdio` it is the program that a harness starts as its server.

import { createServer, type IncomingMessage } from 'node:http';
import { isIP, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { CloseCode } from '../../shared/connection/connection.ts';
import { tryUtf8Decode } from '../../shared/bytes.ts';
import { errorText } from '../../shared/errors.ts';
import { limits } from '../../shared/limits.ts';
import type { EventEntry } from '../../shared/recording/entry.ts';
import { ConnectionLeg } from '../bridge/connection-leg.ts';
import type { Leg, LegClose } from '../bridge/leg.ts';
import { Link, type LinkEvents } from '../bridge/link.ts';
import { dialLeg, WebSocketLeg } from '../bridge/websocket-leg.ts';
import { UsageError } from '../config.ts';
import { StdioConnection } from '../transports/stdio.ts';
import { parseListenUrl, type ListenTarget } from './exec-server.ts';
import { ExitCode } from './failure.ts';
import { RecordingSink } from './tap/recording-sink.ts';
import { readMs, stdioTarget, tokenOf, urlTarget, type TargetFlags } from './target.ts';

export interface TapFlags extends TargetFlags {
  readonly listen: string;
  readonly output?: string;
  readonly stdio?: boolean;
  readonly redact: boolean;
  readonly allowOrigin: readonly string[];
}

/** What a harness says of itself goes on to the executor; everything else of its upgrade is between it and us. */
const passedHeaders = ['authorization', 'user-agent'];

/** @param operands the URL, or with `--stdio` the program and its arguments. @returns the exit code, after SIGINT or SIGTERM. */
export async function tap(operands: readonly string[], flags: TapFlags): Promise<number> {
  const reach = executorOf(operands, flags);
  const listen = parseListen(flags.listen);
  if (listen.kind === 'stdio' && flags.output === undefined) {
    throw new UsageError('--listen stdio needs --output FILE: stdout carries the protocol');
  }
  const tapping = new Tap(reach, flags);
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGINT', resolve).once('SIGTERM', resolve);
  });
  const say = (how: string) => process.stderr.write(`exec-workbench: tapping ${reach.label}; ${how}\n`);
  try {
    if (listen.kind === 'stdio') {
      const { ended } = await tapping.serveStdio();
      say('the harness is on stdin and stdout');
      await Promise.race([ended, stopped, tapping.broken]);
    } else {
      say(`harnesses connect to ${await tapping.listen(listen.host, listen.port)}`);
      await Promise.race([stopped, tapping.broken]);
    }
  } finally {
    await tapping.close();
  }
  return ExitCode.ok;
}

interface Executor {
  /** Holds no secret. */
  readonly label: string;
  /** One leg per harness. */
  dial(headers: Readonly<Record<string, string>>): Promise<Leg>;
}

/** @throws UsageError */
function executorOf(operands: readonly string[], flags: TapFlags): Executor {
  const timeoutMs = readMs('--timeout-ms', flags.timeoutMs) ?? limits.connectTimeoutMs;
  if (flags.stdio === true) {
    if (operands.length === 0) throw new UsageError('--stdio needs a program: -- CMD ARGS…');
    const { label, dial } = stdioTarget(operands, timeoutMs);
    return { label, dial: async () => new ConnectionLeg(await dial()) };
  }
  const [url, ...rest] = operands;
  if (url === undefined || rest.length > 0) throw new UsageError('give one URL, or --stdio -- CMD ARGS…');
  const token = tokenOf(flags);
  const own: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const { label } = urlTarget(url, token, timeoutMs);
  return { label, dial: (headers) => dialLeg(url, { ...own, ...headers }, { timeoutMs }) };
}

/** @throws UsageError */
function parseListen(url: string): ListenTarget {
  try {
    return parseListenUrl(url);
  } catch {
    throw new UsageError(`--listen: expected ws://IP:PORT or stdio, got ${url}`);
  }
}

/** An executor that one harness talks to. */
interface Dialled {
  /** As the recording names it. */
  readonly connection: string;
  readonly executor: Leg;
  readonly event: (kind: EventEntry['event'], detail: string, code?: number) => void;
}

class Tap {
  readonly #http = createServer((_, response) => {
    response.writeHead(426, { 'content-type': 'text/plain' }).end('this is a WebSocket endpoint: exec-workbench tap\n');
  });
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: limits.maxMessageBytes + 64 * 1024,
    perMessageDeflate: false,
  });
  readonly #links = new Set<Link>();
  readonly #sink: RecordingSink;
  #count = 0;
  #fail: (error: Error) => void = () => undefined;
  /** Rejects when the recording cannot be written any more. */
  readonly broken = new Promise<never>((_, reject) => (this.#fail = reject));

  constructor(
    private readonly executor: Executor,
    private readonly flags: TapFlags,
  ) {
    const eachLink = (act: (link: Link) => void) => () => [...this.#links].forEach(act);
    this.#sink = new RecordingSink(
      { file: flags.output, about: `tap of ${executor.label}`, redacts: flags.redact },
      {
        onBehind: eachLink((link) => link.hold()),
        onRoom: eachLink((link) => link.release()),
        onBroken: (error) => this.#fail(error),
      },
    );
    this.#http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      this.#upgrade(request, socket, head).catch((error: unknown) => refuse(socket, 502, errorText(error)));
    });
  }

  /** @returns the URL for harnesses. @throws Error when the address cannot be bound. */
  async listen(host: string, port: number): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#http.once('error', reject).listen({ host, port }, resolve);
    });
    const { address, port: bound } = this.#http.address() as AddressInfo;
    return `ws://${isIP(address) === 6 ? `[${address}]` : address}:${bound}`;
  }

  async close(): Promise<void> {
    for (const link of this.#links) link.close({ code: CloseCode.goingAway, reason: 'the tap stops' });
    this.#http.close();
    this.#http.closeAllConnections();
    this.#sockets.close();
    await this.#sink.close();
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { origin } = request.headers;
    // A page of any site could connect to loopback, and would be let in with our token.
    if (origin !== undefined && !this.flags.allowOrigin.includes(origin)) {
      refuse(socket, 403, 'this Origin is not let in; use --allow-origin to let it in');
      return;
    }
    const headers = Object.fromEntries(
      passedHeaders.flatMap((name) => {
        const value = request.headers[name];
        return typeof value === 'string' ? [[name, value] as const] : [];
      }),
    );
    const dialled = await this.#dial(headers);
    const { connection, executor, event } = dialled;
    if (socket.destroyed) {
      executor.close({ code: CloseCode.goingAway, reason: 'the harness has gone' });
      event('failed', 'the harness has gone');
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (accepted) => {
      this.#link(new WebSocketLeg(accepted, connection), dialled);
    });
  }

  /** A harness that has started us as its server. @returns what resolves when it has ended. @throws LocalError. */
  async serveStdio(): Promise<{ readonly ended: Promise<void> }> {
    const dialled = await this.#dial({});
    const stdio = new StdioConnection(process.stdin, process.stdout, limits.maxMessageBytes);
    this.#link(new ConnectionLeg(stdio), dialled);
    return { ended: stdio.whenClosed };
  }

  /** @throws LocalError; the recording says so. */
  async #dial(headers: Readonly<Record<string, string>>): Promise<Dialled> {
    const connection = `c${++this.#count}`;
    const event: Dialled['event'] = (kind, detail, code) =>
      this.#sink.add({
        kind: 'event',
        event: kind,
        connection,
        atMs: this.#sink.nowMs(),
        detail,
        ...(code === undefined ? {} : { code }),
      });
    event('dialling', this.executor.label);
    try {
      return { connection, executor: await this.executor.dial(headers), event };
    } catch (error) {
      event('failed', errorText(error));
      throw error;
    }
  }

  #link(harness: Leg, { connection, executor, event }: Dialled): void {
    event('open', this.executor.label);
    const onClose = (by: string, { code, reason }: LegClose) => {
      this.#links.delete(link);
      event('closed', reason === '' ? `by the ${by}` : `by the ${by}: ${reason}`, code);
    };
    const link = new Link(harness, executor, { onMessage: this.#record(connection), onClose });
    this.#links.add(link);
  }

  #record(connection: string): NonNullable<LinkEvents['onMessage']> {
    return (dir, { data, isBinary }) => {
      const at = { dir, connection, atMs: this.#sink.nowMs() };
      const text = isBinary ? undefined : tryUtf8Decode(data);
      if (text === undefined) this.#sink.add({ kind: 'frame', ...at, bytes: data });
      else this.#sink.add({ kind: 'message', ...at, text });
    };
  }
}

function refuse(socket: Duplex, status: 403 | 502, reason: string): void {
  const body = `${reason}\n`;
  socket.end(
    `HTTP/1.1 ${status} ${status === 403 ? 'Forbidden' : 'Bad Gateway'}\r\nConnection: close\r\n` +
      `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
