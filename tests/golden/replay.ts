// Plays the client's part of a recorded session against a server and returns what differed (rules: README.md).
import { request as httpRequest } from 'node:http';
import { differenceText } from '../../shared/scenario/compare-connection.ts';
import { runScenario, type RunOptions, type ScenarioPeer } from '../../shared/scenario/run.ts';
import type { HttpRequest, Scenario } from '../../shared/scenario/scenario.ts';
import type { Carrier } from '../helpers/carriers.ts';
import type { JsonObject } from '../helpers/json.ts';
import { within } from '../helpers/until.ts';

/** The server that a session is played against. */
export interface Subject {
  open(): Promise<Carrier>;
  /** `host:port` of the listener, for plain HTTP. */
  readonly address?: string;
  /** The exit code of the program, for stdio. */
  readonly exitCode?: Promise<number | null>;
}

/** @returns the differences, as sentences; none when the server does as recorded. */
export async function replay(transcript: Scenario, subject: Subject, options: RunOptions): Promise<string[]> {
  const { address = '', exitCode } = subject;
  const peer: ScenarioPeer = {
    // Recorded texts on stdio hold their line ends, or lack them on purpose.
    open: async () => {
      const carrier = await subject.open();
      if (transcript.transport === 'stdio') carrier.sendText = (text) => carrier.sendRaw(text);
      return carrier;
    },
    http: (request) => ask(address, request),
    ...(exitCode === undefined ? {} : { exitCode }),
  };
  const differences = await runScenario(transcript, peer, options);
  const isManyConnections = transcript.steps.some(({ dir }) => dir === 'open');
  return differences.map(({ conn, about, text }) => {
    const sentence = differenceText({ about, text });
    return isManyConnections ? `connection ${conn}: ${sentence}` : sentence;
  });
}

function ask(address: string, { method, path, headers }: HttpRequest): Promise<JsonObject> {
  const [host, port] = address.split(':');
  return within(
    `the answer to ${method} ${path}`,
    5_000,
    new Promise<JsonObject>((resolve, reject) => {
      const outgoing = httpRequest({ host, port, method, path, headers });
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
}

function flat(headers: NodeJS.Dict<string | string[]>): JsonObject {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  );
}
