// What the registry answers peers that speak Noise (docs/relay.md "Noise peers"), on one node and on two; and how a URL
// that has expired is refused. That genuine peers are content with it, `npm run interop` shows.
import { createECDH, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { signedTarget } from '../../../backend/relay/signed-url.ts';
import { asArray, asNumber, asObject, asString, type JsonObject } from '../../helpers/json.ts';
import { startServer, useServer, type RunningServer } from '../../helpers/server.ts';
import { until } from '../../helpers/until.ts';
import { useNats } from './nats.ts';
import { call, dropPeers, RelayPeer, relayUrl } from './relay-peer.ts';

const secret = 'the secret of all nodes of this file';
const env = {
  HOME: '/',
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  EXEC_WORKBENCH_TOKEN: 'token-of-all-nodes',
  EXEC_WORKBENCH_RELAY_SECRET: secret,
};
const nats = useNats();
const server = useServer({ command: 'serve', env });
const stream = '00000001-0000-4000-8000-000000000000';

/** Only its shape matters to a registry. */
function newKey(): JsonObject {
  return {
    suite: 'Noise_hybridIK_X25519+MLKEM768_AESGCM_SHA256',
    x25519_public_key: randomBytes(32).toString('base64'),
    mlkem768_public_key: randomBytes(1184).toString('base64'),
  };
}

async function post(
  at: RunningServer,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: JsonObject; code: string }> {
  const { status, body: answer } = await call(at, 'POST', path, body === undefined ? {} : { body });
  const code = status === 200 ? '' : asString(asObject(answer['error'])['code']);
  return { status, body: answer, code };
}

/** Registers with a key and dials, as a genuine executor does. */
async function noiseExecutor(
  at: RunningServer,
  id: string,
): Promise<{ peer: RelayPeer; key: JsonObject; registrationId: string; url: string }> {
  const key = newKey();
  const registration = { security_profile: 'noise_hybrid_ik_v1', executor_public_key: key };
  const { body } = await post(at, `/cloud/environment/${id}/register`, registration);
  expect(body).toMatchObject({ environment_id: id, security_profile: 'noise_hybrid_ik_v1' });
  const url = asString(body['url']);
  return { peer: await RelayPeer.dial(url), key, registrationId: asString(body['executor_registration_id']), url };
}

describe('the registry and Noise peers', () => {
  it('brings harness and executor together by their keys, and stands for the key of the harness', async () => {
    const executor = await noiseExecutor(server.current, 'box');
    const harnessKey = newKey();
    const { body: bundle } = await post(server.current, '/cloud/environment/box/connect', {
      harness_public_key: harnessKey,
    });
    expect(bundle).toMatchObject({
      environment_id: 'box',
      security_profile: 'noise_hybrid_ik_v1',
      executor_registration_id: executor.registrationId,
      executor_public_key: executor.key,
    });
    const claim = {
      executor_registration_id: executor.registrationId,
      harness_public_key: harnessKey,
      harness_key_authorization: asString(bundle['harness_key_authorization']),
    };
    const judge = async (path: string, claimed: JsonObject): Promise<unknown> =>
      (await post(server.current, path, claimed)).body['valid'];
    expect(await judge('/cloud/environment/box/validate', claim)).toBe(true);
    expect(await judge('/cloud/environment/box/validate-harness-key', claim)).toBe(true);
    // Not for another environment, registration or key, nor when it was altered or prolonged.
    expect(await judge('/cloud/environment/other/validate', claim)).toBe(false);
    const { harness_key_authorization: authorization } = claim;
    for (const other of [
      { executor_registration_id: 'another-registration' },
      { harness_public_key: newKey() },
      { harness_key_authorization: authorization.replace(/.$/, (last) => (last === 'A' ? 'E' : 'A')) },
      { harness_key_authorization: authorization.replace(/^\d+/, '9999999999') },
      { harness_key_authorization: 'x' },
    ]) {
      expect(await judge('/cloud/environment/box/validate', { ...claim, ...other })).toBe(false);
    }
    // What they say to each other goes through as it is, whatever it is.
    const harness = await RelayPeer.dial(asString(bundle['url']));
    harness.send(stream, { kind: 'resume', nextSeq: 0 });
    harness.send(stream, { kind: 'handshake', payload: randomBytes(2000) });
    await until('the handshake', () => executor.peer.words(stream).length === 2);
    executor.peer.send(stream, { kind: 'handshake', payload: randomBytes(2000) });
    await harness.waitFor(stream, 'handshake');
    harness.cut();
    await executor.peer.waitFor(stream, 'reset harness_disconnected');
    dropPeers();
  });

  it('forgets a key when its executor leaves, and knows the new one of an executor that registered again', async () => {
    const connect = () => post(server.current, '/cloud/environment/gone/connect', { harness_public_key: newKey() });
    expect(await connect()).toMatchObject({ status: 409, code: 'environment_offline' });
    const first = await noiseExecutor(server.current, 'gone');
    expect((await connect()).body['executor_public_key']).toEqual(first.key);
    const second = await noiseExecutor(server.current, 'gone');
    expect(second.registrationId).not.toBe(first.registrationId);
    const { body } = await connect();
    expect([body['executor_public_key'], body['executor_registration_id']]).toEqual([
      second.key,
      second.registrationId,
    ]);
    // A genuine executor dials the URL that it has until it is refused.
    second.peer.cut();
    await until('it to be gone', async () => (await connect()).code === 'environment_offline');
    await RelayPeer.dial(second.url);
    expect((await connect()).body['executor_registration_id']).toBe(second.registrationId);
    dropPeers();
  });

  it('tells a harness that does not speak as the executor does', async () => {
    await noiseExecutor(server.current, 'noise');
    await RelayPeer.executor(server.current, 'plain');
    expect(await post(server.current, '/cloud/executor/noise/connect')).toMatchObject({
      status: 409,
      code: 'noise_required',
    });
    const asked = { harness_public_key: newKey() };
    expect(await post(server.current, '/cloud/environment/plain/connect', asked)).toMatchObject({
      status: 409,
      code: 'noise_not_offered',
    });
    const { body } = await call(server.current, 'GET', '/cloud/executor');
    const profiles = asArray(body['executors']).map((item) => [
      asObject(item)['executor_id'],
      asObject(item)['security_profile'],
    ]);
    expect(profiles.sort()).toEqual([
      ['noise', 'noise_hybrid_ik_v1'],
      ['plain', null],
    ]);
    dropPeers();
  });

  it('refuses what is no key, profile or JSON, and too much of it, with a reason', async () => {
    const key = newKey();
    const profile = 'noise_hybrid_ik_v1';
    const register = '/cloud/environment/box/register';
    const bad: [string, unknown][] = [
      [register, {}],
      [register, { executor_public_key: key }],
      [register, { security_profile: 'noise_xx', executor_public_key: key }],
      [register, { security_profile: profile }],
      [register, [key]],
      ...[
        { ...key, suite: 'Noise_IK' },
        { ...key, more: 1 },
        { ...key, x25519_public_key: createECDH('prime256v1').generateKeys('base64') },
        { ...key, x25519_public_key: asString(key['x25519_public_key']).replace('=', '') },
        { ...key, mlkem768_public_key: randomBytes(1183).toString('base64') },
        { ...key, mlkem768_public_key: 7 },
      ].map((executor_public_key): [string, unknown] => [register, { security_profile: profile, executor_public_key }]),
      ['/cloud/environment/box/connect', {}],
      ['/cloud/environment/box/connect', { harness_public_key: 'key' }],
      ['/cloud/environment/box/validate', { executor_registration_id: 'r', harness_public_key: key }],
      [
        '/cloud/environment/box/validate',
        { executor_registration_id: '', harness_public_key: key, harness_key_authorization: 'a' },
      ],
    ];
    for (const [path, body] of bad) {
      expect(await post(server.current, path, body), JSON.stringify(body)).toMatchObject({ code: 'invalid_body' });
    }
    expect(await post(server.current, '/cloud/environment/box/validate')).toMatchObject({ code: 'invalid_body' });
    expect(await post(server.current, '/cloud/environment/a%2Fb/connect', { harness_public_key: key })).toMatchObject({
      code: 'invalid_executor_id',
    });
    expect(await post(server.current, register, { padding: 'x'.repeat(20_000) })).toMatchObject({
      status: 413,
      code: 'body_too_large',
    });
    const answer = await fetch(`${server.current.httpUrl}${register}`, {
      method: 'POST',
      body: '{"executor_public_key":',
      headers: { authorization: `Bearer ${server.current.token ?? ''}` },
    });
    expect([answer.status, await answer.text()]).toEqual([
      400,
      '{"error":{"code":"invalid_body","message":"the body is not JSON"}}',
    ]);
    const { status } = await call(server.current, 'POST', '/cloud/environment/box/validate', { token: '', body: {} });
    expect(status).toBe(401);
  });

  it('does so across two nodes: the executor at one, the harness at the other', async () => {
    const args = ['--bus', nats.url];
    const [a, b] = await Promise.all([1, 2].map(() => startServer({ command: 'serve', args, env })));
    if (!a || !b) throw new Error('not started');
    const executor = await noiseExecutor(a, 'box');
    const harnessKey = newKey();
    const bundle = await until('the other node to know', async () => {
      const { status, body } = await post(b, '/cloud/environment/box/connect', { harness_public_key: harnessKey });
      return status === 200 ? body : undefined;
    });
    expect(bundle).toMatchObject({
      executor_registration_id: executor.registrationId,
      executor_public_key: executor.key,
    });
    const { body } = await post(a, '/cloud/environment/box/validate', {
      executor_registration_id: executor.registrationId,
      harness_public_key: harnessKey,
      harness_key_authorization: bundle['harness_key_authorization'],
    });
    expect(body).toEqual({ valid: true });
    const harness = await RelayPeer.dial(asString(bundle['url']));
    harness.send(stream, { kind: 'handshake', payload: randomBytes(2000) });
    await executor.peer.waitFor(stream, 'handshake');
    executor.peer.sendData(stream, 'ciphertext');
    await harness.waitFor(stream, 'ciphertext');
    dropPeers();
  });
});

describe('a relay URL that has expired', () => {
  it.each(['executor', 'harness'] as const)('is refused to an %s with its reason, and counted', async (role) => {
    const count = async (): Promise<number> => {
      const { body } = await call(server.current, 'GET', '/api/relay');
      return asNumber(asObject(asObject(body['counters'])['refused'])['expired'] ?? 0);
    };
    const before = await count();
    // A minute of grace is for clocks that differ.
    const urlOf = (secondsAgo: number): string => {
      const expiresAtSec = Math.floor(Date.now() / 1000) - secondsAgo;
      const grant = { executorId: 'late', role, expiresAtSec, peer: 'p', resume: false, name: '', noiseKey: '' };
      return `127.0.0.1:${server.current.port}${signedTarget(grant, Buffer.from(secret))}`;
    };
    await RelayPeer.dial(`ws://${urlOf(30)}`);
    const late = urlOf(62);
    await expect(RelayPeer.dial(`ws://${late}`)).rejects.toThrow('refused with 401');
    const answer = await upgradeAnswer(late);
    expect(answer).toContain('has expired');
    expect(answer).not.toContain('sig=');
    expect((await count()) - before).toBe(2);
    // Whoever is refused so asks the registry again.
    await RelayPeer.dial(await relayUrl(server.current, role, 'late'));
    const { body } = await call(server.current, 'GET', '/metrics');
    expect(asString(body['text'])).toMatch(/refused_upgrades_total\{reason="expired"\} [1-9]/);
    dropPeers();
  });
});

/** The body of the answer to an upgrade that is refused. */
async function upgradeAnswer(target: string): Promise<string> {
  const { request } = await import('node:http');
  return await new Promise((resolve, reject) => {
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
    };
    const outgoing = request(`http://${target}`, { headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.on('end', () => resolve(text));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
