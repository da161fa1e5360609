// Real processes over the relay: our rendezvous, our remote executor, our harness (docs/relay.md).
import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { asString } from '../../helpers/json.ts';
import { openLink, carrierOf, relayCarrier, RemoteExecutorProcess } from '../../helpers/remote-executor.ts';
import { serverProgram, startServer, TAG, useServer, type RunningServer } from '../../helpers/server.ts';
import { until, within } from '../../helpers/until.ts';
import { WireClient } from '../../helpers/wire-client.ts';
import { shapes } from '../../helpers/wire-shapes.ts';
import { call, relayUrl } from './relay-peer.ts';

const server = useServer({ command: 'serve' });
let lastId = 0;
const newId = (): string => `box-${++lastId}`;
const env = { PATH: '/usr/bin:/bin' };

async function startExecutor(
  id: string,
  at: RunningServer = server.current,
  args: string[] = [],
): Promise<RemoteExecutorProcess> {
  const executor = await RemoteExecutorProcess.start({ remote: at.httpUrl, executorId: id, token: at.token, args });
  await until('the executor to be online', async () => {
    const { body } = await call(at, 'GET', '/cloud/executor');
    return JSON.stringify(body).includes(`"${id}"`);
  });
  return executor;
}

async function connect(
  id: string,
  options: { resumable?: boolean; at?: RunningServer; keepsOutput?: boolean } = {},
): Promise<WireClient> {
  const { at = server.current, resumable = true, ...rest } = options;
  const carrier = await relayCarrier({ url: await relayUrl(at, 'harness', id, { resumable }) });
  const client = new WireClient(carrier, { tag: TAG, shapes, ...rest });
  await client.initialize();
  return client;
}

describe('over the relay', () => {
  it('processes run as over a direct connection', async () => {
    const id = newId();
    await startExecutor(id, server.current, ['--name', 'my box']);
    const client = await connect(id);
    const view = await client.start({
      processId: 'p',
      argv: ['bash', '-c', 'echo out; echo err >&2; exit 3'],
      cwd: '/tmp',
      env,
      tty: false,
    });
    await view.closed;
    expect([view.bytes('stdout').toString(), view.bytes('stderr').toString(), view.exitCode]).toEqual([
      'out\n',
      'err\n',
      3,
    ]);
    const { body } = await call(server.current, 'GET', '/cloud/executor');
    expect(JSON.stringify(body)).toContain('"name":"my box"');
    expect(client.sniffer.violations).toEqual([]);
  });

  it('two harnesses that use the same processId never see each other', async () => {
    const id = newId();
    await startExecutor(id);
    const [a, b] = [await connect(id), await connect(id)];
    const [viewA, viewB] = await Promise.all([
      a.start({ processId: 'p', argv: ['bash', '-c', 'echo a; sleep 0.2; echo a'], cwd: '/tmp', env, tty: false }),
      b.start({ processId: 'p', argv: ['bash', '-c', 'echo b; sleep 0.2; echo b'], cwd: '/tmp', env, tty: false }),
    ]);
    await Promise.all([viewA.closed, viewB.closed]);
    expect([viewA.bytes().toString(), viewB.bytes().toString()]).toEqual(['a\na\n', 'b\nb\n']);
    await expect(b.call('process/read', { processId: 'other' })).rejects.toThrow('unknown process id other');
  });

  it('a stream that a harness closes detaches its session, which can be resumed on another stream', async () => {
    const id = newId();
    await startExecutor(id);
    const first = await connect(id);
    const sessionId = asString(first.sessionId);
    await first.start({ processId: 'p', argv: ['cat'], cwd: '/tmp', env, tty: true });
    first.carrier.drop();
    const carrier = await relayCarrier({ url: await relayUrl(server.current, 'harness', id) });
    const second = new WireClient(carrier, { tag: TAG, shapes });
    await until('the session to be free', async () => {
      try {
        await second.initialize({ resumeSessionId: sessionId });
        return true;
      } catch {
        return false;
      }
    });
    expect(await second.call('process/terminate', { processId: 'p' })).toEqual({ running: true });
  });

  it('a running shell survives a restart of the rendezvous: a pause, and nothing else', async () => {
    const id = newId();
    const secret = 'the secret that both starts of the rendezvous share';
    const tokens = { EXEC_WORKBENCH_RELAY_SECRET: secret, EXEC_WORKBENCH_TOKEN: 'token-of-both-starts' };
    const environment = { HOME: '/', PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...tokens };
    const before = await startServer({ command: 'serve', env: environment });
    await startExecutor(id, before);
    const client = await connect(id, { at: before });
    const view = await client.start({
      processId: 'shell',
      argv: ['bash', '--norc', '-i'],
      cwd: '/tmp',
      env: { ...env, PS1: '' },
      tty: true,
    });
    const type = async (text: string): Promise<void> => {
      await client.call('process/write', { processId: 'shell', chunk: Buffer.from(text).toString('base64') });
    };
    await type('marker=kept\n');
    await before.stop();
    const answer = type('echo "it is $marker"\n');
    await startServer({ command: 'serve', args: ['--port', String(before.port)], env: environment });
    await answer;
    await until('the shell to answer', () => view.bytes().toString().includes('it is kept'), { withinMs: 20_000 });
    expect(client.sniffer.violations).toEqual([]);
    client.carrier.drop();
  });

  it('200 streams on one link each get what is theirs', async () => {
    const id = newId();
    await startExecutor(id);
    const link = await openLink({ url: await relayUrl(server.current, 'harness', id, { resumable: true }) });
    const clients = Array.from(
      { length: 200 },
      () => new WireClient(carrierOf(link.openStream()), { tag: TAG, shapes }),
    );
    await Promise.all(clients.map((client) => client.initialize()));
    const views = await Promise.all(
      clients.map((client, n) =>
        client.start({ processId: 'p', argv: ['echo', `number ${n}`], cwd: '/tmp', env, tty: false }),
      ),
    );
    await Promise.all(views.map((view) => view.closed));
    expect(views.map((view) => view.bytes().toString())).toEqual(views.map((_, n) => `number ${n}\n`));
    const { body } = await call(server.current, 'GET', `/api/relay/executors/${id}/streams`);
    expect(body['streams']).toHaveLength(200);
  });
});

describe('mistakes on the command line end with one clear line and exit code 2', () => {
  const remote = ['exec-server', '--remote'];
  const good = 'http://127.0.0.1:1';
  it.each([
    [[...remote, good], 'token', 'executor id is required'],
    [[...remote, good, '--executor-id', 'a'], '  ', 'is empty'],
    [[...remote, 'nonsense', '--executor-id', 'a'], 'token', 'base URL must be http://… or https://…'],
    [['serve', '--bus', 'http://127.0.0.1:1'], '', '--bus: expected nats://HOST'],
    [['serve', '--bus', 'nats://127.0.0.1:1'], '', '--bus needs a secret that all nodes share'],
    [['serve', '--relay-max-streams', 'many'], '', '--relay-max-streams: expected a whole number'],
  ])('%j with the token "%s": %s', async (args, token, message) => {
    const [program, ...first] = serverProgram();
    const child = spawn(program, [...first, ...args], {
      env: { PATH: env.PATH, CODEX_EXEC_SERVER_REMOTE_BEARER_TOKEN: token },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    const ended = new Promise((resolve) => child.once('close', resolve));
    try {
      expect(await within('it to end', 10_000, ended)).toBe(2);
    } finally {
      child.kill('SIGKILL');
    }
    expect(said).toContain(message);
    expect(said.trim().split('\n')).toHaveLength(1);
  });
});
