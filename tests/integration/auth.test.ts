// Who gets in, by tokens and signed tokens, and what a token allows (docs/security.md, "Tokens").
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterAll, describe, expect, it } from 'vitest';
import { runProgram } from '../helpers/run-program.ts';
import { startServer, type RunningServer } from '../helpers/server.ts';
import { within } from '../helpers/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'auth-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
const forbidden = { code: -32003 };

function fileOf(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** The HTTP status that an upgrade without, or with a wrong token is answered. */
async function refusalOf(server: RunningServer, token?: string): Promise<string> {
  const options = token === undefined ? {} : bearer(token);
  return server.connect({ ...options, handshake: false }).then(
    () => 'let in',
    (error: unknown) => String(error),
  );
}

describe('exec-server --ws-auth capability-token', () => {
  it('lets in who has the token of the file, or that of the digest', async () => {
    const file = await startServer({
      args: ['--ws-auth', 'capability-token', '--ws-token-file', fileOf('token', ' top-secret\n')],
    });
    expect(await refusalOf(file)).toContain('401');
    expect(await refusalOf(file, 'top-secre')).toContain('401');
    const client = await file.connect(bearer('top-secret'));
    expect(await client.call('environment/info', {})).toBeDefined();

    const digest = await startServer({ args: ['--ws-auth', 'capability-token', '--ws-token-sha256', sha256('abc')] });
    expect(await refusalOf(digest)).toContain('401');
    await digest.connect(bearer('abc'));
  });

  it('holds each token to its scopes', async () => {
    const tokens = [
      { id: 'runner', sha256: sha256('run'), scopes: ['exec'] },
      { id: 'reader', sha256: sha256('read'), scopes: ['fs'] },
    ];
    const server = await startServer({
      args: ['--ws-auth', 'capability-token', '--ws-token-file', fileOf('tokens.json', JSON.stringify({ tokens }))],
    });
    const runner = await server.connect(bearer('run'));
    const reader = await server.connect(bearer('read'));
    expect((await runner.run(['true'])).exitCode).toBe(0);
    await expect(runner.call('fs/readFile', { path: '/etc/hostname' })).rejects.toMatchObject(forbidden);
    await expect(
      runner.call('http/request', { method: 'GET', url: 'http://x/', requestId: 'r' }),
    ).rejects.toMatchObject(forbidden);
    expect(await reader.call('fs/readDirectory', { path: folder })).toHaveProperty('entries');
    await expect(reader.start({ argv: ['true'] })).rejects.toMatchObject(forbidden);
    // What the server says of itself is open to every token.
    expect(await reader.call('environment/info', {})).toBeDefined();
  });

  it('takes a changed file without a restart: the former token is revoked, its connection ends with the reason', async () => {
    const path = fileOf('rotated', 'first-token');
    const server = await startServer({
      args: ['--ws-auth', 'capability-token', '--ws-token-file', path],
      allowedStderr: /.*a changed file was not taken.*/g,
    });
    const former = await server.connect(bearer('first-token'));
    writeFileSync(path, 'second-token');
    const end = await within('the former connection to end', 10_000, former.carrier.ended);
    expect(end).toMatchObject({ code: 1008, reason: 'the token was revoked' });
    expect(await refusalOf(server, 'first-token')).toContain('401');
    await server.connect(bearer('second-token'));
  });

  it('answers 429 to an address that guesses', async () => {
    const server = await startServer({
      args: ['--ws-auth', 'capability-token', '--ws-token-sha256', sha256('abc'), '--max-auth-failures', '3'],
    });
    for (let guess = 0; guess < 3; guess++) expect(await refusalOf(server, `guess-${String(guess)}`)).toContain('401');
    expect(await refusalOf(server, 'abc')).toContain('429');
  });
});

describe('--ws-auth signed-bearer-token', () => {
  const secret = 'thirty-two bytes or more of a secret';
  const args = [
    ...['--ws-auth', 'signed-bearer-token', '--ws-shared-secret-file', fileOf('secret', secret)],
    ...['--ws-issuer', 'us', '--ws-audience', 'box', '--ws-max-clock-skew-seconds', '0'],
  ];
  const nowSec = Math.floor(Date.now() / 1000);
  const sign = (claims: object) =>
    new SignJWT({ iss: 'us', aud: 'box', exp: nowSec + 600, ...claims })
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode(secret));

  it('lets in who bears one, until it expires', async () => {
    const server = await startServer({ args });
    expect(await refusalOf(server, await sign({ aud: 'other' }))).toContain('401');
    expect(await refusalOf(server, await sign({ exp: nowSec - 1 }))).toContain('401');
    await server.connect(bearer(await sign({})));
    const shortLived = await server.connect(bearer(await sign({ exp: Math.ceil(Date.now() / 1000) + 1 })));
    const end = await within('the connection to end with its token', 10_000, shortLived.carrier.ended);
    expect(end).toMatchObject({ code: 1008, reason: 'the token has expired' });
  });

  it('holds its bearer to its scope on serve too: the relay, the API and the metrics have theirs', async () => {
    const server = await startServer({ command: 'serve', args });
    const status = async (path: string, token: string, method = 'GET') =>
      (await fetch(`${server.httpUrl}${path}`, { method, ...bearer(token) })).status;
    const register = await sign({ scope: 'relay-register' });
    const connect = await sign({ scope: 'relay-connect' });
    const admin = await sign({ scope: 'admin' });
    expect(await status('/cloud/executor/e1/register', register, 'POST')).toBe(200);
    expect(await status('/cloud/executor/e1/register', connect, 'POST')).toBe(403);
    expect(await status('/cloud/environment/e1/register', admin, 'POST')).toBe(403);
    expect(await status('/cloud/executor/e1/connect', connect, 'POST')).toBe(200);
    expect(await status('/cloud/executor/e1/connect', register, 'POST')).toBe(403);
    expect(await status('/cloud/executor', connect)).toBe(200);
    expect(await status('/cloud/executor', register)).toBe(403);
    expect(await status('/metrics', admin)).toBe(200);
    expect(await status('/metrics', connect)).toBe(403);
    expect(await status('/cloud/executor/e1/unknown', admin, 'POST')).toBe(404);
    // The page sets the token that it was opened with as its cookie, so that reloading it needs none in the URL.
    const page = await fetch(`${server.httpUrl}/?token=${admin}`);
    expect(page.status).toBe(200);
    expect(page.headers.get('set-cookie')).toContain(admin);
  });
});

describe('mistakes in the flags end in one line and exit code 2', () => {
  const token = fileOf('some-token', 'abc');
  it.each([
    [['--ws-auth', 'capability-token'], '--ws-token-file or --ws-token-sha256 is required'],
    [['--ws-token-file', token], 'websocket auth flags require --ws-auth'],
    [
      ['--ws-auth', 'capability-token', '--ws-token-file', join(folder, 'none')],
      'failed to read websocket auth secret',
    ],
    [['--ws-auth', 'capability-token', '--ws-token-file', fileOf('empty', '\n')], 'must not be empty'],
    [['--ws-auth', 'capability-token', '--ws-token-sha256', 'abc'], '64-character hex'],
    [
      ['--ws-auth', 'capability-token', '--ws-token-file', token, '--ws-token-sha256', sha256('')],
      'mutually exclusive',
    ],
    [['--ws-auth', 'capability-token', '--ws-token-file', token, '--ws-issuer', 'x'], 'signed-bearer-token'],
    [['--ws-auth', 'signed-bearer-token'], '--ws-shared-secret-file is required'],
    [['--ws-auth', 'signed-bearer-token', '--ws-shared-secret-file', token], 'at least 32 bytes'],
    [['--ws-auth', 'signed-bearer-token', '--ws-token-file', token], 'require --ws-auth capability-token'],
    [['--ws-auth', 'nope'], 'expected capability-token or signed-bearer-token'],
    [['--tls-cert', token], '--tls-cert and --tls-key need each other'],
    [['--tls-cert', token, '--tls-key', token], 'cannot be used together'],
    [['--http-deny', 'privat'], '--http-deny: expected ADDRESS/BITS or one of all, loopback'],
    [['--http-allow', '10.0.0.0/8'], '--http-allow is for exceptions'],
  ])('%j', async (args, why) => {
    const ended = await runProgram(['exec-server', '--listen', 'ws://127.0.0.1:0', ...args]);
    expect(ended.stderr.trim().split('\n')).toEqual([expect.stringContaining(why)]);
    expect(ended).toMatchObject({ code: 2, stdout: '' });
  });
});
