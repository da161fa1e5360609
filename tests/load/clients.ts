// What the load cases share: clients of the raw protocol, a neighbour of the load, work in lanes.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { connectWebSocket } from '../helpers/carriers.ts';
import type { OwnProgram } from '../helpers/own-program.ts';
import { until, within } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';

export const LONG_MS = 120_000;

/** A client that counts and hashes output and keeps none. */
export async function connect(server: Pick<OwnProgram, 'url'>): Promise<WireClient> {
  const carrier = await connectWebSocket(server.url, { withinMs: LONG_MS });
  const client = new WireClient(carrier, { keepsOutput: false });
  await client.initialize();
  return client;
}

/** Does `work` for 0 … count-1, `lanes` at a time. */
export async function inLanes(count: number, lanes: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

export interface Neighbour {
  /** Round trips of a request, in ms. */
  readonly roundTripP99: number;
  /** From a character typed to its echo by `cat`, in ms. */
  readonly echoP99: number;
}

const neighbourSchema = z.object({ roundTripP99: z.number(), echoP99: z.number() });

/** What a neighbour in a process of its own sees of the server while `work` runs. */
export async function neighbourOf(server: OwnProgram, work: () => Promise<void>): Promise<Neighbour> {
  const program = fileURLToPath(new URL('neighbour.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), program, server.url], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const exited = new Promise((resolve) => child.once('exit', resolve));
  try {
    await until('the neighbour to begin', () => said.includes('begun'), { withinMs: LONG_MS });
    await work();
    child.stdin.end();
    await within('the figures of the neighbour', LONG_MS, exited);
  } finally {
    child.kill('SIGKILL');
  }
  return neighbourSchema.parse(JSON.parse(said.slice(said.indexOf('{'))));
}
