// `exec-workbench tap URL`: listens, connects each harness that comes to the executor, and records what passes (docs/recordings.md).

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
import { parseListenUrl } from './exec-server.ts';
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
  const tapping = new Tap(reach, flags);
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGINT', resolve).once('SIGTERM', resolve);
  });
  const url = await tapping.listen(listen.host, listen.port);
  process.stderr.write(`exec-workbench: tapping ${reach.label}; harnesses connect to ${url}\n`);
  await Promise.race([stopped, tapping.broken]);
  await tapping.close();
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

function parseListen(url: string): { host: string; port: number } {
  try {
    const target = parseListenUrl(url);
    if (target.kind === 'websocket') return target;
  } catch {
    // Said below, for stdio too.
  }
  throw new UsageError(`--listen: expected ws://IP:PORT, got ${url}`);
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
    const connection = `c${++this.#count}`;
    const event = (kind: EventEntry['event'], detail: string, code?: number) =>
      this.#sink.add({
        kind: 'event',
        event: kind,
        connection,
        atMs: this.#sink.nowMs(),
        detail,
        ...(code === undefined ? {} : { code }),
      });
    event('dialling', this.executor.label);
    const headers = Object.fromEntries(
      passedHeaders.flatMap((name) => {
        const value = request.headers[name];
        return typeof value === 'string' ? [[name, value] as const] : [];
      }),
    );
    let executor: Leg;
    try {
      executor = await this.executor.dial(headers);
    } catch (error) {
      event('failed', errorText(error));
      throw error;
    }
    if (socket.destroyed) {
      executor.close({ code: CloseCode.goingAway, reason: 'the harness has gone' });
      event('failed', 'the harness has gone');
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (accepted) => {
      event('open', executor.label);
      const onClose = (by: string, { code, reason }: LegClose) => {
        this.#links.delete(link);
        event('closed', reason === '' ? `by the ${by}` : `by the ${by}: ${reason}`, code);
      };
      const harness = new WebSocketLeg(accepted, connection);
      const link = new Link(harness, executor, { onMessage: this.#record(connection), onClose });
      this.#links.add(link);
    });
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
