// Promises of docs/security.md seen from outside: metrics want a token, a session is its token's only, what is no TLS is dropped,
// and a bridge leaves nothing of its program behind.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { connectWebSocket } from '../helpers/carriers.ts';
import { allStats, isRunning } from '../helpers/proc.ts';
import { startServer } from '../helpers/server.ts';
import { until, within } from '../helpers/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'trust-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
const pem = (name: string) => fileURLToPath(new URL(`fixtures/tls/${name}.pem`, import.meta.url));

it('a token opens its own sessions only, and metrics need one that allows them', async () => {
  const file = join(folder, 'tokens.json');
  const tokens = [
    { id: 'owner', sha256: sha256('own') },
    { id: 'other', sha256: sha256('other'), scopes: ['fs'] },
  ];
  writeFileSync(file, JSON.stringify({ tokens }));
  const server = await startServer({ args: ['--ws-auth', 'capability-token', '--ws-token-file', file] });
  const metrics = async (token?: string) =>
    (await fetch(`${server.httpUrl}/metrics`, token === undefined ? {} : bearer(token))).status;
  expect([await metrics(), await metrics('other'), await metrics('own')]).toEqual([401, 403, 200]);

  const owner = await server.connect(bearer('own'));
  const resumeSessionId = owner.sessionId;
  await owner.carrier.close();
  const params = { clientName: 'thief', resumeSessionId };
  const thief = await server.connect({ ...bearer('other'), handshake: false });
  expect((await thief.request('initialize', params)).error).toMatchObject({
    code: -32600,
    message: `unknown session id ${resumeSessionId}`,
  });
  await server.connect({ ...bearer('own'), params });
});

it('what is no TLS is dropped at once', async () => {
  const server = await startServer({ args: ['--tls-cert', pem('one.cert'), '--tls-key', pem('one.key')] });
  const socket = connect(server.port, '127.0.0.1');
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => undefined);
  socket.resume();
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await within('the connection to end', 5000, closed);
});

it('the program of a bridge ends with everything in its group, also when the server is killed', async () => {
  const server = await startServer({ command: 'serve' });
  const url = `ws://127.0.0.1:${String(server.port)}/api/bridge?token=${server.token ?? ''}`;
  const bridged = async (seconds: string) => {
    const page = await connectWebSocket(url);
    const before = new Set(allStats().map(({ pid }) => pid));
    page.sendText(JSON.stringify({ command: ['sh', '-c', `sleep ${seconds} & exec sleep ${seconds}`] }));
    const started = await until('the program to run', () => {
      const sleepers = allStats().filter(({ pid, name }) => name === 'sleep' && !before.has(pid));
      return sleepers.length === 2 && sleepers.map(({ pid }) => pid);
    });
    return { page, started };
  };
  const first = await bridged('1003');
  await first.page.close();
  await until('all of it to be gone', () => !first.started.some(isRunning), { withinMs: 8000 });
  const second = await bridged('1004');
  server.kill('SIGKILL');
  await until('all of it to be gone', () => !second.started.some(isRunning), { withinMs: 8000 });
});
