// `run` by pipes: output, input, exit codes, signals, pipelines, lost connections, and what goes wrong.
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { cuttableProxy } from '../../browser/support/cuttable-proxy.ts';
import { useServer } from '../../helpers/server.ts';
import { until } from '../../helpers/until.ts';
import { runCli, runScript, startCli } from './cli.ts';

const server = useServer({ command: 'serve' });
const env = () => ({ EXEC_WORKBENCH_URL: `ws://127.0.0.1:${server.current.port}`, EXEC_WORKBENCH_TOKEN: token() });
const token = () => server.current.token ?? '';

const opened: (Server | WebSocketServer)[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

describe('run', () => {
  it('keeps stdout and stderr apart, passes variables and directory, and ends with the exit code', async () => {
    const script = 'echo "$A in $PWD"; echo err >&2; exit 7';
    const result = await runCli(['run', '-e', 'A=1 2', '-w', '/usr', '--', 'sh', '-c', script], { env: env() });
    expect(result).toEqual({ code: 7, stdout: '1 2 in /usr\n', stderr: 'err\n' });
  });

  it('passes on input to its end and output to its last byte', async () => {
    const input = randomBytes(3_000_000);
    const { code, stdout } = await runCli(['run', '-i', 'cat'], { env: env(), input });
    expect(code).toBe(0);
    expect(createHash('sha256').update(stdout, 'latin1').digest('hex')).toBe(
      createHash('sha256').update(input).digest('hex'),
    );
  });

  it('works in pipelines, whoever ends first', async () => {
    const { stdout, stderr } = await runScript(
      `ew run -- yes | head -n 2; echo "\${PIPESTATUS[0]}"
       yes | ew run -i -- head -n 1; echo "\${PIPESTATUS[1]}"
       ew run -- sh -c 'kill -9 $$'; echo $?`,
      { env: env() },
    );
    expect(stderr).toBe('');
    expect(stdout).toBe('y\ny\n141\ny\n0\n137\n');
  });

  it('passes on SIGINT and SIGTERM, and ends as the command does', async () => {
    const script =
      'trap "echo got INT" INT; trap "echo got TERM; exit 9" TERM; echo ready; while :; do sleep 0.05; done';
    const cli = startCli(['run', '--', 'bash', '-c', script], { env: env() });
    await until('the command to run', () => cli.stdout.includes('ready'));
    cli.child.kill('SIGINT');
    await until('SIGINT to arrive', () => cli.stdout.includes('got INT'));
    cli.child.kill('SIGTERM');
    const { code, stdout } = await cli.result();
    expect([code, stdout]).toEqual([9, 'ready\ngot INT\ngot TERM\n']);
  });

  it('comes through a lost connection without losing or doubling input or output, and says so', async () => {
    const proxy = await cuttableProxy(server.current.port);
    try {
      const url = `ws://127.0.0.1:${proxy.port}`;
      const cli = startCli(['run', '-i', '--', 'cat'], { env: { ...env(), EXEC_WORKBENCH_URL: url } });
      const lines = (from: number, to: number) =>
        Array.from({ length: to - from }, (_, index) => `line ${from + index}\n`).join('');
      cli.child.stdin?.write(lines(0, 1000));
      await until('the first lines', () => cli.stdout.includes('line 999\n'));
      proxy.cut();
      await until('the loss to be noticed', () => cli.stderr.includes('connection lost'));
      cli.child.stdin?.end(lines(1000, 2000));
      proxy.mend();
      const { code, stdout, stderr } = await cli.result();
      expect(code).toBe(0);
      expect(stdout === lines(0, 2000)).toBe(true);
      expect(stderr).toContain('connected again');
    } finally {
      await proxy.close();
    }
  });

  it('starts something and leaves it, and comes back to it', async () => {
    const script = 'read x; echo "got $x"; exit 5';
    const left = await runCli(['run', '-i', '-d', '--', 'sh', '-c', script], { env: env() });
    expect(left.stdout).toMatch(/^[0-9a-f-]{36}\/run\n$/);
    const [session = ''] = left.stdout.trim().split('/');
    const back = await runCli(['run', '-i', '--attach', session], { env: env(), input: 'this\n' });
    expect([back.code, back.stdout]).toEqual([5, 'got this\n']);
    const gone = await runCli(['run', '--attach', '00000000-0000-4000-8000-000000000000'], { env: env() });
    expect(gone.code).toBe(4);
    expect(gone.stderr).toContain('is not there any more');
  });
});

describe('what goes wrong says so in one line and an exit code', () => {
  const silent = async (onConnection: (socket: Socket) => void): Promise<string> => {
    const listening = createServer(onConnection);
    opened.push(listening);
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    return `ws://127.0.0.1:${(listening.address() as AddressInfo).port}`;
  };

  it('at the door', async () => {
    const wrongToken = await runCli(['run', '--json', '--', 'true'], {
      env: { ...env(), EXEC_WORKBENCH_TOKEN: 'wrong' },
    });
    expect(wrongToken.code).toBe(3);
    expect(JSON.parse(wrongToken.stderr)).toMatchObject({ error: { code: 'unauthorized' } });
    const unreachable = await runCli(['run', '--url', 'ws://127.0.0.1:1', '--', 'true']);
    expect([unreachable.code, unreachable.stderr.split('\n').length]).toEqual([4, 2]);
    const noProgram = await runCli(['run', '--json', '--', '/no/such'], { env: env() });
    expect(noProgram.code).toBe(5);
    expect(JSON.parse(noProgram.stderr)).toMatchObject({ error: { code: 'rpc', rpc: { code: -32603 } } });
  });

  it('for a mistake of the caller', async () => {
    const unused = ['--url', 'ws://127.0.0.1:1'];
    const mistakes: [string[], string][] = [
      [['run', '--', 'true'], 'no executor is named'],
      [['run', ...unused], 'no command is given'],
      [['run', '--url', 'http://127.0.0.1:1', '--', 'true'], 'begins with ws://'],
      [['run', ...unused, '-e', '=x', '--', 'true'], '--env'],
      [['cp', 'a', 'b'], 'remote:PATH'],
      [['executors'], 'no registry is named'],
    ];
    const results = await Promise.all(mistakes.map(([args]) => runCli(args)));
    expect(results.map(({ code }) => code)).toEqual(mistakes.map(() => 2));
    results.forEach(({ stderr }, index) => expect(stderr).toContain(mistakes[index]?.[1]));
  });

  it('for a server that is silent, stalls in the handshake, or answers garbage', async () => {
    const mute = await silent(() => undefined);
    const garbage = await silent((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    opened.push(sockets);
    await new Promise((resolve) => sockets.once('listening', resolve));
    const stalling = `ws://127.0.0.1:${(sockets.address() as AddressInfo).port}`;
    const halfway = await silent((socket) => socket.write('HTTP/1.1 101 Switching'));
    const commands = [
      ...[mute, garbage, halfway, stalling].map((url) => ['run', '--url', url, '--', 'true']),
      ['call', '--url', stalling, 'environment/info'],
      ['cp', '--url', halfway, 'remote:/etc/hostname', '/no/such/place'],
      ['tap', '--listen', 'stdio', '--output', '/dev/null', mute],
      ['executors', '--registry', mute.replace('ws:', 'http:')],
    ];
    const results = await Promise.all(
      commands.map(([name = '', ...args]) => runCli([name, '--timeout-ms', '500', ...args])),
    );
    expect(results.map(({ code, stdout }) => [code, stdout])).toEqual(commands.map(() => [4, '']));
    for (const { stderr } of results) expect(stderr).toMatch(/^exec-workbench: [^\n]+\n$/);
  });
});
