// The mixed load of the soak: each worker does one thing again and again until it is told to stop, and checks what came.
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectRelay, connectWebSocket } from '../../backend/client/connect.ts';
import type { ExecServerClient } from '../../shared/client/harness.ts';
import type { ProcessHandle } from '../../shared/client/process-handle.ts';
import type { Connection } from '../../shared/connection/connection.ts';
import { connectWebSocket as connectRaw } from '../helpers/carriers.ts';
import type { OwnProgram } from '../helpers/own-program.ts';
import { until, within } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';
import { fuzzedMessage } from '../fuzz/messages.ts';
import { Random } from '../simulation/random.ts';
import { Ledger } from './ledger.ts';

export interface SoakContext {
  readonly server: OwnProgram;
  readonly executorId: string;
  readonly ledger: Ledger;
  readonly seed: number;
  readonly isStopping: () => boolean;
}

export type Worker = readonly [name: string, work: (context: SoakContext, name: string) => Promise<void>];

/** Longest time of one round, in ms, on a machine that is busy with all of them. */
const ROUND_MS = 60_000;

/** Does rounds until the end. An error is counted, and the next round begins. */
async function rounds(context: SoakContext, name: string, round: (n: number) => Promise<void>): Promise<void> {
  for (let n = 0; !context.isStopping(); n++) {
    await within(`round ${String(n)}`, ROUND_MS, round(n)).catch((error: unknown) => {
      context.ledger.fail(name, error);
    });
  }
}

async function connect({ server }: SoakContext, wrap?: (connection: Connection) => Connection) {
  return connectWebSocket(server.url, wrap === undefined ? {} : { wrap });
}

async function shortProcesses(context: SoakContext, name: string): Promise<void> {
  const client = await connect(context);
  await rounds(context, name, async (n) => {
    const code = n % 200;
    const result = await client.run({ argv: ['/bin/sh', '-c', `seq 100; exit ${String(code)}`] });
    Ledger.expect(result.exitCode === code, `exit code ${String(result.exitCode)} instead of ${String(code)}`);
    context.ledger.checkLines(name, result.stdoutText, 100);
  });
  client.close();
}

async function terminals(context: SoakContext, name: string): Promise<void> {
  const client = await connect(context);
  await rounds(context, name, async () => {
    const handle = await client.exec({ argv: ['/bin/sh', '-c', 'stty -onlcr; seq 2000'], tty: { rows: 24, cols: 80 } });
    await handle.resize(30, 100);
    context.ledger.checkLines(name, await textOf(handle), 2_000);
    Ledger.expect((await handle.wait()) === 0, 'the terminal ended with an error');
  });
  client.close();
}

/** Reads a flood by fits and starts: what it does not read, the server must hold back. */
async function slowReaders(context: SoakContext, name: string): Promise<void> {
  const client = await connect(context);
  const bytes = 24 * 1024 * 1024;
  await rounds(context, name, async (n) => {
    let came = 0;
    let nextPause = 1024 * 1024;
    const handle = await client.start(
      {
        processId: `flood ${String(n)}`,
        argv: ['/usr/bin/head', '-c', String(bytes), '/dev/zero'],
        cwd: '/',
        env: {},
        tty: false,
      },
      {
        onOutput: (output) => {
          came += output.bytes.length;
          if (came < nextPause) return;
          nextPause += 4 * 1024 * 1024;
          client.pause();
          setTimeout(() => client.resume(), 100);
        },
      },
    );
    await handle.wait();
    context.ledger.checkCount(name, came, bytes);
  });
  client.close();
}

async function files(context: SoakContext, name: string): Promise<void> {
  const client = await connect(context);
  const folder = mkdtempSync(join(tmpdir(), 'soak-'));
  await rounds(context, name, async (n) => {
    const data = randomBytes(1 + ((n * 7_919) % 300_000));
    const path = `${folder}/${String(n)}`;
    await client.fs.writeFile(path, data);
    await client.fs.copy(path, `${path}.copy`);
    const back = createHash('sha256');
    let count = 0;
    for await (const block of client.fs.createReadStream(`${path}.copy`)) {
      back.update(block);
      count += block.length;
    }
    Ledger.expect(back.digest('hex') === createHash('sha256').update(data).digest('hex'), 'a file came back changed');
    Ledger.expect((await client.fs.readDirectory(folder)).length === 2, 'the folder has other files');
    await client.fs.remove(path);
    await client.fs.remove(`${path}.copy`);
    context.ledger.checkCount(name, count, data.length);
  });
  client.close();
  rmSync(folder, { recursive: true });
}

async function httpRequests(context: SoakContext, name: string): Promise<void> {
  const body = Buffer.alloc(300_000, 'soak');
  const server = createServer((_, response) => response.end(body));
  const port = await listening(server);
  const client = await connect(context);
  await rounds(context, name, async (n) => {
    const answer = await client.http.fetch(`http://127.0.0.1:${String(port)}/${String(n)}`);
    context.ledger.checkCount(name, (await answer.arrayBuffer()).byteLength, body.length);
  });
  client.close();
  server.closeAllConnections();
  server.close();
}

/** Its connection is cut again and again: the session is resumed, and every line comes once. */
async function resumes(context: SoakContext, name: string): Promise<void> {
  const connections: Connection[] = [];
  const client = await connect(context, (opened) => {
    connections.push(opened);
    return opened;
  });
  await rounds(context, name, async () => {
    const script = 'for i in $(seq 0 3); do read go; seq $((i * 2000 + 1)) $((i * 2000 + 2000)); done';
    const handle = await client.exec({ argv: ['/bin/sh', '-c', script], stdin: 'open' });
    const text = textOf(handle);
    // Whoever fails first tells why.
    text.catch(() => undefined);
    for (let part = 0; part < 4; part++) {
      await handle.write('go\n');
      const opened = connections.length;
      connections.at(-1)?.close();
      await until('the next connection', () => connections.length > opened, { withinMs: ROUND_MS });
      await client.whenReady();
    }
    context.ledger.checkLines(name, await text, 8_000);
    connections.splice(0, connections.length - 1);
  });
  client.close();
}

/** Leaves in the middle: a process in each state, a long poll, a request; nothing of it may stay. */
async function aborts(context: SoakContext, name: string): Promise<void> {
  await rounds(context, name, async (n) => {
    const client = new WireClient(await connectRaw(context.server.url), { keepsOutput: false });
    await client.initialize();
    const { view, answered } = client.startUnanswered({
      argv: n % 2 === 0 ? ['/bin/sh', '-c', 'sleep 600 & sleep 600'] : ['/usr/bin/yes'],
      tty: n % 3 === 0,
    });
    if (n % 4 === 0) answered.catch(() => undefined);
    else {
      await answered;
      if (n % 4 === 1)
        client.request('process/read', { processId: view.processId, waitMs: 60_000 }).catch(() => undefined);
      if (n % 4 === 2) await client.terminate(view.processId);
    }
    client.carrier.drop();
    context.ledger.count(name);
    await delay(20);
  });
}

async function malformed(context: SoakContext, name: string): Promise<void> {
  const random = new Random(context.seed);
  await rounds(context, name, async () => {
    const carrier = await connectRaw(context.server.url);
    const client = new WireClient(carrier, { keepsOutput: false });
    await client.initialize();
    for (let count = 0; count < 100; count++) carrier.sendText(Buffer.from(fuzzedMessage(random)).toString('utf8'));
    await client.request('no/such/method', {}, { id: 'sentinel', withinMs: 30_000 });
    // Now what no connection outlives.
    carrier.sendText('{"method":"no/such/notification"}');
    await within('the close', 30_000, carrier.ended);
    context.ledger.count(name);
    await delay(20);
  });
}

/** Through the relay, whose link to the executor is bad. */
async function relayStreams(context: SoakContext, name: string): Promise<void> {
  const { server, executorId } = context;
  const open = () => connectRelay({ registry: server.httpUrl, token: server.token, executorId });
  let client: ExecServerClient | undefined;
  await rounds(context, name, async (n) => {
    // A new stream now and then, so that ends of streams are in it as well.
    if (n % 5 === 0) {
      client?.close();
      client = undefined;
    }
    client ??= await open();
    const result = await client.run({ argv: ['/usr/bin/seq', '20000'] });
    context.ledger.checkLines(name, result.stdoutText, 20_000);
  });
  client?.close();
}

async function textOf(handle: ProcessHandle): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const { bytes } of handle.output) parts.push(bytes);
  return Buffer.concat(parts).toString();
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) resolve(address.port);
      else reject(new Error('no port'));
    });
  });
}

export const workers: readonly Worker[] = [
  ['short processes', shortProcesses],
  ['terminals', terminals],
  ['slow readers', slowReaders],
  ['files', files],
  ['http', httpRequests],
  ['resumes', resumes],
  ['aborts', aborts],
  ['malformed', malformed],
  ['relay', relayStreams],
  ['relay again', relayStreams],
];
