// Plays the client's part of a recorded session against a server and returns what differed (rules: README.md).
import { request as httpRequest } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Carrier, CarrierEnd } from '../helpers/carriers.ts';
import { parseJson, type Json, type JsonObject } from '../helpers/json.ts';
import { within } from '../helpers/until.ts';
import { compareConnection, compareValue, hasArrived, substitute, type Bindings } from './compare.ts';
import type { HttpRequestLine, RecvStep, Transcript } from './transcript.ts';

/** The server that a session is played against. */
export interface Subject {
  open(): Promise<Carrier>;
  /** `host:port` of the listener, for plain HTTP. */
  readonly address?: string;
  /** The exit code of the program, for stdio. */
  readonly exitCode?: Promise<number | null>;
}

export interface ReplayOptions {
  /** Values of `$TMP` and `$HTTP`. */
  readonly bindings: ReadonlyMap<string, string>;
  /** Longest wait in ms for what was recorded; default 10,000. */
  readonly deadlineMs?: number;
  /** Connections that the server ends must end with a close frame (0.131.0 never sends one). */
  readonly expectsCloseFrame?: boolean;
  /**
   * How long to look for surplus messages after the answer to a last, unknown request, in ms; default 20. This is the
   * only fixed wait: nothing announces that a message will not come.
   */
  readonly surplusMs?: number;
}

const END_ID = 'golden-end';
const END_REQUEST = JSON.stringify({ id: END_ID, method: 'golden/end' });

/** One connection of the session: recorded lines that were reached, messages that came. */
class Played {
  readonly lines: RecvStep[] = [];
  readonly received: Json[] = [];
  end: CarrierEnd | undefined;
  #changed: () => void = () => undefined;

  constructor(readonly carrier: Carrier) {
    carrier.onMessage = (text) => {
      this.received.push(toJson(text));
      this.#changed();
    };
    void carrier.ended.then((end) => {
      this.end = end;
      this.#changed();
    });
  }

  /** Settles when `holds`, after the deadline, or when the connection has ended. */
  async wait(holds: () => boolean, deadlineMs: number): Promise<void> {
    const until = performance.now() + deadlineMs;
    while (!holds() && this.end === undefined) {
      const leftMs = until - performance.now();
      if (leftMs <= 0) return;
      const change = new Promise<void>((resolve) => (this.#changed = resolve));
      await within('a message', leftMs, change).catch(() => undefined);
    }
  }
}

function toJson(text: string): Json {
  try {
    return parseJson(text);
  } catch {
    return `not JSON: ${text}`;
  }
}

/** @returns the differences, as sentences; none when the server does as recorded. */
export async function replay(transcript: Transcript, subject: Subject, options: ReplayOptions): Promise<string[]> {
  const { deadlineMs = 10_000, surplusMs = 20 } = options;
  const bindings: Bindings = new Map(options.bindings);
  const connections = new Map<string, Played>();
  const http: { request: HttpRequestLine; recv?: RecvStep }[] = [];
  const differences: string[] = [];

  const connection = (name: string): Played => {
    const played = connections.get(name);
    if (!played) throw new Error(`${transcript.scenario} uses connection ${name} before it is opened`);
    return played;
  };
  const compareAll = (): string[] =>
    [...connections].flatMap(([name, played]) =>
      compareConnection(played.lines, played.received, transcript.compare, bindings).map((text) =>
        connections.size > 1 ? `connection ${name}: ${text}` : text,
      ),
    );
  const settle = async (): Promise<void> => {
    for (const played of connections.values()) {
      await played.wait(() => hasArrived(played.lines, played.received, transcript.compare), deadlineMs);
    }
  };

  if (transcript.transport !== 'http') connections.set('a', new Played(await subject.open()));
  for (const step of transcript.steps) {
    switch (step.dir) {
      case 'send':
      case 'sendBytes': {
        if (!step.pipelined) {
          await settle();
          // Comparing binds $SESSION; a difference here would only make everything after it wait in vain.
          const early = compareAll();
          if (early.length > 0) return early;
        }
        const { carrier } = connection(step.conn);
        if (step.dir === 'sendBytes') carrier.sendBytes(step.bytes);
        else if (transcript.transport === 'stdio') carrier.sendRaw(substitute(step.text, bindings));
        else carrier.sendText(substitute(step.text, bindings));
        break;
      }
      case 'recv':
        if (step.http) {
          const last = http.at(-1);
          if (last) last.recv = step;
        } else connection(step.conn).lines.push(step);
        break;
      case 'http':
        http.push({ request: step.request });
        break;
      case 'open':
        await settle();
        connections.set(step.conn, new Played(await subject.open()));
        break;
      case 'close':
        await settle();
        connection(step.conn).carrier.drop();
        break;
      case 'closed':
        differences.push(...(await expectEnd(connection(step.conn), deadlineMs, options.expectsCloseFrame === true)));
        break;
      case 'sleep':
        await settle();
        await delay(step.ms);
        break;
      case 'eof':
        await settle();
        connection('a').carrier.drop();
        break;
      case 'exit': {
        const code = await within('the program to end', deadlineMs, subject.exitCode ?? Promise.resolve(null));
        if (code !== step.code) differences.push(`the exit code should be ${String(step.code)}, is ${String(code)}`);
        break;
      }
    }
  }
  for (const exchange of http) differences.push(...(await compareHttp(exchange, subject, bindings)));
  await settle();
  await Promise.all([...connections.values()].map((played) => drain(played, deadlineMs)));
  await delay(surplusMs);
  differences.push(...compareAll());
  for (const played of connections.values()) played.carrier.drop();
  return differences;
}

async function expectEnd(played: Played, deadlineMs: number, expectsCloseFrame: boolean): Promise<string[]> {
  await played.wait(() => played.end !== undefined, deadlineMs);
  if (!played.end) return ['the server should have ended the connection'];
  if (expectsCloseFrame && played.end.code === 1006) return ['the connection should end with a close frame'];
  return [];
}

/** What the server still had to say comes before the answer to this request. */
async function drain(played: Played, deadlineMs: number): Promise<void> {
  if (played.end) return;
  const isEnd = (message: Json): boolean => (message as JsonObject | null)?.['id'] === END_ID;
  played.carrier.sendText(END_REQUEST);
  await played.wait(() => played.received.some(isEnd), deadlineMs);
  const at = played.received.findIndex(isEnd);
  if (at !== -1) played.received.splice(at, 1);
}

async function compareHttp(
  exchange: { request: HttpRequestLine; recv?: RecvStep },
  subject: Subject,
  bindings: Bindings,
): Promise<string[]> {
  const { request, recv } = exchange;
  const [host, port] = (subject.address ?? '').split(':');
  const answer = await within(
    `the answer to ${request.method} ${request.path}`,
    5_000,
    new Promise<JsonObject>((resolve, reject) => {
      const outgoing = httpRequest({
        host,
        port,
        method: request.method,
        path: request.path,
        headers: request.headers,
      });
      outgoing.on('error', reject);
      outgoing.on('upgrade', (response, socket) => {
        socket.destroy();
        resolve({ status: response.statusCode ?? 0, headers: flat(response.headers), body: '' });
      });
      outgoing.on('response', (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const body = Buffer.concat(parts).toString();
          resolve({ status: response.statusCode ?? 0, headers: flat(response.headers), body });
        });
      });
      outgoing.end();
    }),
  );
  const found = compareValue(recv?.http ?? null, answer, recv ?? { loose: [], alt: {} }, bindings);
  return found.map((text) => `${request.method} ${request.path} ${JSON.stringify(request.headers)}: ${text}`);
}

function flat(headers: NodeJS.Dict<string | string[]>): JsonObject {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
}
