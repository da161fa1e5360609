// Where the server listens, what it prints, and what it says over plain HTTP (docs/protocol.md §1; DESIGN: HTTP surface).
// The HTTP answers of exec-server --listen are in golden session 61.
import { describe, expect, it } from 'vitest';
import { runProgram } from '../helpers/run-program.ts';
import { startServer, useServer } from '../helpers/server.ts';

describe('exec-server --listen', () => {
  it.each([
    'ws://localhost:0',
    'ws://127.0.0.1',
    'ws://127.0.0.1:70000',
    'ws://127.0.0.1:0/',
    'ws://',
    'ws://256.0.0.1:0',
  ])('%s ends with code 1 and says what is expected', async (url) => {
    const ended = await runProgram(['exec-server', '--listen', url]);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(`invalid websocket --listen URL \`${url}\`; expected \`ws://IP:PORT\``);
    expect(ended.stdout).toBe('');
  });

  it.each(['wss://127.0.0.1:0', 'http://127.0.0.1:0', 'unix:///tmp/x', 'tcp://127.0.0.1:0'])(
    '%s ends with code 1 and says what is supported',
    async (url) => {
      const ended = await runProgram(['exec-server', '--listen', url]);
      expect(ended.code).toBe(1);
      expect(ended.stderr).toContain(`unsupported --listen URL \`${url}\`; expected \`ws://IP:PORT\` or \`stdio\``);
    },
  );

  it('prints one line, the bound URL without a trailing slash', async () => {
    const server = await startServer();
    expect(server.stdout).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\n$/);
    expect(server.port).toBeGreaterThan(0);
  });

  it('a port that is taken is a clear error, not a stack trace', async () => {
    const server = await startServer();
    const ended = await runProgram(['exec-server', '--listen', `ws://127.0.0.1:${String(server.port)}`]);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/in use|EADDRINUSE/);
    expect(ended.stderr).not.toMatch(/^\s+at /m);
  });

  it('takes stdio as well as stdio://', async () => {
    const ended = await runProgram(['exec-server', '--listen', 'stdio']);
    expect(ended).toMatchObject({ code: 0, stdout: '' });
  });

  it('--help lists the settings with their environment variables', async () => {
    const ended = await runProgram(['exec-server', '--help']);
    expect(ended.code).toBe(0);
    for (const flag of [
      '--listen',
      '--detached-session-ttl-ms',
      '--closed-process-retention-ms',
      '--retained-output-bytes',
    ]) {
      expect(ended.stdout).toContain(flag);
    }
    expect(ended.stdout).toContain('EXEC_WORKBENCH_RETAINED_OUTPUT_BYTES');
  });

  it('an unknown option or a number that is none is a clear error', async () => {
    for (const args of [['--nonsense'], ['--retained-output-bytes', 'many'], ['--detached-session-ttl-ms', '-5']]) {
      const ended = await runProgram(['exec-server', '--listen', 'ws://127.0.0.1:0', ...args]);
      expect(ended.code, args.join(' ')).not.toBe(0);
      expect(ended.stderr, args.join(' ')).toContain(args[0]);
      expect(ended.stderr).not.toMatch(/^\s+at /m);
    }
  });
});

describe('serve', () => {
  const server = useServer({ command: 'serve' });

  it('prints ready-to-paste lines: the page, wscat, curl and CODEX_EXEC_SERVER_URL', () => {
    const printed = server.current.stdout + server.current.stderr;
    for (const word of [
      'http://127.0.0.1:',
      'wscat',
      'curl',
      'CODEX_EXEC_SERVER_URL=',
      'exec-server --remote http://127.0.0.1:',
    ])
      expect(printed).toContain(word);
  });

  it('answers /healthz and /readyz without a token, and /metrics in the text format', async () => {
    for (const path of ['/healthz', '/readyz']) {
      expect((await fetch(`${server.current.httpUrl}${path}`)).status).toBe(200);
    }
    const client = await server.current.connect();
    await client.run(['true']);
    const token = server.current.token ?? '';
    const metrics = await fetch(`${server.current.httpUrl}/metrics`, { headers: { Authorization: `Bearer ${token}` } });
    expect(metrics.status).toBe(200);
    const text = await metrics.text();
    expect(text).toMatch(/^# HELP .*process/im);
    expect(text).toContain('process/start');
  });

  it('publishes the schema of the protocol', async () => {
    const token = server.current.token ?? '';
    const answer = await fetch(`${server.current.httpUrl}/schema/exec-server.json`, {
      headers: { Authorization: `Bearer ${token}` },
    });
    expect(answer.status).toBe(200);
    expect(JSON.stringify(await answer.json())).toContain('process/start');
  });

  it('takes a token of EXEC_WORKBENCH_TOKEN', async () => {
    const own = await startServer({
      command: 'serve',
      env: { HOME: '/', PATH: '/usr/bin:/bin', EXEC_WORKBENCH_TOKEN: 'a-token-of-our-own-0123456789' },
    });
    expect(own.token).toBe('a-token-of-our-own-0123456789');
    const client = await own.connect();
    const envPolicy = { inherit: 'all', ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] };
    const view = await client.run(['/usr/bin/env'], { env: {}, envPolicy });
    expect(view.text()).not.toContain('a-token-of-our-own');
  });

  it('--no-auth lets plain clients in and still refuses foreign origins', async () => {
    const own = await startServer({ command: 'serve', args: ['--no-auth'] });
    const url = `ws://127.0.0.1:${String(own.port)}/`;
    expect(own.url.startsWith(url.slice(0, -1))).toBe(true);
    const client = await own.connect();
    expect((await client.run(['echo', 'in'])).text()).toBe('in\n');
    await expect(own.connect({ headers: { Origin: 'http://example.test' } })).rejects.toThrow('403');
  });

  it('--no-auth is refused anywhere but on loopback', async () => {
    const ended = await runProgram(['serve', '--no-auth', '--host', '0.0.0.0', '--port', '0']);
    expect(ended.code).not.toBe(0);
    expect(ended.stderr).toMatch(/loopback/i);
  });
});
