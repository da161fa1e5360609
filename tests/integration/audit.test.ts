// The audit log (docs/operations.md): who did what and how it ended, without secrets, in files of bounded size.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { connectWebSocket } from '../helpers/carriers.ts';
import { runProgram } from '../helpers/run-program.ts';
import { startServer } from '../helpers/server.ts';
import { until } from '../helpers/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'audit-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const linesOf = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

it('tells who connected, what was started, changed and asked for, and how it ended', async () => {
  const path = join(folder, 'audit.jsonl');
  const server = await startServer({ command: 'serve', args: ['--audit-log', path] });
  expect((await fetch(`${server.httpUrl}/metrics?token=wrong`)).status).toBe(401);
  const client = await server.connect();
  const view = await client.run(['sh', '-c', 'exit 3', 'x', '--token=hidden-1'], {
    env: client.env({ SECRET: 'hidden-2' }),
  });
  const file = join(folder, 'written');
  await client.call('fs/writeFile', { path: file, dataBase64: 'aGlkZGVuLTM=' });
  await client.request('fs/remove', { path: join(folder, 'none', 'x'), force: false });
  await client.call('fs/readFile', { path: file });
  await client.request('http/request', {
    method: 'GET',
    url: 'http://u:hidden-4@127.0.0.1:1/p?hidden-5',
    requestId: 'r',
  });
  const page = await connectWebSocket(`ws://127.0.0.1:${String(server.port)}/api/bridge?token=${server.token ?? ''}`);
  page.sendText(JSON.stringify({ command: ['/no/such/program', '--token=hidden-6'] }));
  await page.ended;
  await client.carrier.close();
  await until('the end of the connection', () => linesOf(path).some(({ event }) => event === 'disconnected'));
  await server.stop();

  const events = linesOf(path);
  expect(events.map(({ event }) => event)).toEqual([
    'refused',
    'connected',
    'initialize',
    'process/start',
    'process/exited',
    'fs/writeFile',
    'fs/remove',
    'http/request',
    'bridge',
    'disconnected',
    'session ended',
  ]);
  const connection = events[1]?.['connection'];
  const session = events[3]?.['session'];
  expect(events[0]).toMatchObject({ from: '127.0.0.1', code: 'unauthorized', target: '/metrics' });
  expect(events[1]).toMatchObject({ from: expect.stringContaining('127.0.0.1:'), token: 'serve' });
  expect(events[3]).toMatchObject({
    connection,
    session,
    processId: view.processId,
    argv: ['sh', '-c', 'exit 3', 'x', '--token=[redacted]'],
    cwd: '/',
    env: expect.arrayContaining(['SECRET']),
  });
  expect(events[4]).toMatchObject({ session, processId: view.processId, exitCode: 3 });
  expect(events[5]).toMatchObject({ path: file });
  expect(events[6]).toMatchObject({ error: { code: -32004 } });
  expect(events[7]).toMatchObject({ verb: 'GET', url: 'http://127.0.0.1:1/p' });
  expect(events[8]).toMatchObject({ token: 'serve', argv: ['/no/such/program', '--token=[redacted]'] });
  expect(events.every(({ time }) => typeof time === 'string' && !Number.isNaN(Date.parse(time)))).toBe(true);
  expect(readFileSync(path, 'utf8')).not.toContain('hidden');
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it('is rotated by size, and old files go', async () => {
  const path = join(folder, 'rotated.jsonl');
  const args = ['--audit-log', path, '--audit-log-max-bytes', '4096', '--audit-log-files', '2'];
  const server = await startServer({ args });
  const client = await server.connect();
  for (let index = 0; index < 100; index++) {
    await client.call('fs/createDirectory', { path: join(folder, 'made', 'x'.repeat(100)) });
  }
  await server.stop();
  const files = readdirSync(folder).filter((name) => name.startsWith('rotated.jsonl'));
  expect(files.sort()).toEqual(['rotated.jsonl', 'rotated.jsonl.1', 'rotated.jsonl.2']);
  for (const name of files) expect(statSync(join(folder, name)).size).toBeLessThan(8192);
  expect(linesOf(join(folder, 'rotated.jsonl.1')).length).toBeGreaterThan(5);
});

it('that cannot be written is said at start', async () => {
  const ended = await runProgram(['exec-server', '--listen', 'ws://127.0.0.1:0', '--audit-log', '/proc/none/audit']);
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain('--audit-log');
  expect(ended.stderr.trim().split('\n')).toHaveLength(1);
});
