// What clients leave behind that go without a word: nothing (promises 16 and 17). EXEC_CLEANUP_CLIENTS=10000 for the whole
// figure, which takes a few minutes.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { describeProcesses, openFiles, rssBytes, runningWithEnv, tryStat, zombiesOf } from '../helpers/proc.ts';
import { serverProgram, startServer, startStdioServer, TAG, type RunningServer } from '../helpers/server.ts';
import { until, within } from '../helpers/until.ts';

const clientCount = Number(process.env['EXEC_CLEANUP_CLIENTS'] ?? 1000);
/** So many are connected at a time. */
const laneCount = 8;
const args = ['--detached-session-ttl-ms', '200'];

const programs: readonly (readonly string[])[] = [
  ['sh', '-c', 'sleep 600 & sleep 600'],
  ['sleep', '600'],
  // Escapes: a daemon, and one whose parents are gone before anybody could look.
  ['sh', '-c', 'setsid sleep 600 & sleep 600'],
  ['sleep', '600'],
  ['sh', '-c', '(setsid sh -c "sleep 600 & exit" </dev/null >/dev/null 2>&1 &)'],
];

async function leave(server: RunningServer, mark: string, index: number): Promise<void> {
  const client = await server.connect();
  const env = client.env({ MARK: mark });
  const argv = [...(programs[index % programs.length] ?? [])];
  const { answered } = client.startUnanswered({ argv, env, tty: index % 10 === 0, pipeStdin: index % 3 === 0 });
  if (index % 2 === 0) client.request('fs/open', { handleId: 'h', path: '/etc/passwd' }).catch(() => undefined);
  // Some leave before the answer, some in a long poll, some politely, most just so.
  if (index % 4 === 0) {
    answered.catch(() => undefined);
  } else {
    await answered;
    if (index % 4 === 1) client.request('process/read', { processId: 'p1', waitMs: 60_000 }).catch(() => undefined);
  }
  if (index % 7 === 0) await client.carrier.close();
  else client.carrier.drop();
}

function left(mark: string): string {
  return describeProcesses(runningWithEnv(`MARK=${mark}`));
}

async function expectNothingLeft(server: RunningServer, mark: string): Promise<void> {
  await until('all to be gone', () => left(mark) === '' && zombiesOf(server.pid).length === 0, {
    withinMs: 10_000,
    everyMs: 100,
    describe: () => left(mark),
  });
}

describe(`${String(clientCount)} clients that leave abruptly`, () => {
  it('leave no process, no daemon, no zombie, no descriptor and less than 32 MiB', async () => {
    const server = await startServer({ args });
    const mark = randomUUID();
    const rounds = async (count: number): Promise<void> => {
      let next = 0;
      const lane = async (): Promise<void> => {
        while (next < count) await leave(server, mark, next++);
      };
      await Promise.all(Array.from({ length: laneCount }, lane));
      await expectNothingLeft(server, mark);
    };
    await rounds(laneCount);
    const filesBefore = openFiles(server.pid).size;
    await rounds(500);
    // By now the heap is as large as eight at a time make it: from here on a client costs nothing that stays.
    const bytesBefore = rssBytes(server.pid);
    const cpuBeforeMs = tryStat(server.pid)?.cpuMs ?? 0;
    await rounds(clientCount - 500);
    await until('the descriptors to be back', () => openFiles(server.pid).size <= filesBefore, {
      withinMs: 10_000,
      describe: () => [...openFiles(server.pid).values()].join(' ').slice(0, 2_000),
    });
    const grownBytes = rssBytes(server.pid) - bytesBefore;
    const cpuMs = (tryStat(server.pid)?.cpuMs ?? 0) - cpuBeforeMs;
    if (clientCount > 1000) {
      const figures = { clientCount, files: openFiles(server.pid).size - filesBefore, grownBytes, cpuMs };
      process.stdout.write(`${JSON.stringify(figures)}\n`);
    }
    expect(grownBytes).toBeLessThan(32 * 1024 * 1024);
    const client = await server.connect();
    expect((await client.run(['echo', 'alive'])).text()).toBe('alive\n');
  }, 1_200_000);
});

/** A client as a program of its own: starts what stdin of the test says, says so, and waits to be killed. */
const clientProgram = `
const { WebSocket } = await import(process.argv[1]);
const socket = new WebSocket(process.argv[2]);
const requests = JSON.parse(process.argv[3]);
let answers = 0;
socket.on('open', () => {
  socket.send(JSON.stringify({ id: 'i', method: 'initialize', params: { clientName: 'killed' } }));
  socket.send(JSON.stringify({ method: 'initialized' }));
  for (const [id, [method, params]] of requests.entries()) socket.send(JSON.stringify({ id, method, params }));
});
socket.on('message', (text) => {
  if (typeof JSON.parse(text).id === 'number' && ++answers === requests.length) console.log('ready');
});
`;

describe('a client that is killed', () => {
  it('leaves nothing: processes, terminals, a flood, daemons and open files are gone', async () => {
    const server = await startServer({ args });
    // What the first process of a server takes for good.
    await (await server.connect()).run(['true']);
    const mark = randomUUID();
    const env = { PATH: '/usr/bin:/bin', EXEC_TEST_TAG: TAG, MARK: mark };
    const starts = [...programs, ['yes']].flatMap((argv, index) =>
      [false, true].map((tty) => [
        'process/start',
        { processId: `p${String(index)}-${String(tty)}`, argv, cwd: '/', env, tty, pipeStdin: !tty },
      ]),
    );
    const requests = [...starts, ['fs/open', { handleId: 'h', path: '/etc/passwd' }]];
    const filesBefore = openFiles(server.pid).size;
    const program = ['--input-type=module', '-e', clientProgram];
    const client = spawn(
      process.execPath,
      [...program, import.meta.resolve('ws'), server.url, JSON.stringify(requests)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await within('the client to have started all', 20_000, once(client.stdout, 'data'));
    expect(runningWithEnv(`MARK=${mark}`).length).toBeGreaterThanOrEqual(starts.length);
    client.kill('SIGKILL');
    await expectNothingLeft(server, mark);
    await until('the descriptors to be back', () => openFiles(server.pid).size <= filesBefore, {
      describe: () => [...openFiles(server.pid).values()].join(' ').slice(0, 2_000),
    });
  });
});

describe('a server that is the first process of a container', () => {
  it('reaps whoever is left to it', async () => {
    const container = ['bwrap', '--dev-bind', '/', '/', '--unshare-pid', '--as-pid-1', '--proc', '/proc', '--'];
    const { client } = await startStdioServer({ program: [...container, ...serverProgram()] });
    const orphans = '(sleep 0.05 &); (setsid sleep 0.05 &); (setsid sh -c "exit 3" &)';
    for (let round = 0; round < 5; round++) await client.run(['sh', '-c', orphans]);
    const zombies = ['sh', '-c', 'cat /proc/[0-9]*/stat 2>/dev/null | grep -c ") Z "'];
    await until('all to be reaped', async () => (await client.run(zombies)).text() === '0\n', { everyMs: 100 });
    // Those that it has started itself are told as ever.
    expect((await client.run(['sh', '-c', 'exit 42'])).exitCode).toBe(42);
  });
});
