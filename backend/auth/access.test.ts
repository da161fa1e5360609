import { createHash } from 'node:crypto';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { Access, judgeOrigin, type OriginRules } from './access.ts';
import { FailureLimit } from './failure-limit.ts';
import { CapabilityTokens } from './tokens.ts';
import { singleToken } from './verifier.ts';

const rules: OriginRules = {
  allowedOrigins: new Set(['https://ide.example']),
  allowedHosts: new Set(['box.example']),
  boundAddress: '10.1.2.3',
  hasTls: false,
  servesPages: true,
  checksHost: true,
};

const access = () => new Access(rules, singleToken('right-token'), new FailureLimit(3));

function request(headers: Record<string, string>, url = '/'): IncomingMessage {
  const message = new IncomingMessage(new Socket());
  message.url = url;
  message.headers = { host: '127.0.0.1:8765', ...headers };
  return message;
}

test.each([
  'null',
  '',
  'http://evil.example',
  'http://127.0.0.1:8765.evil.example',
  'http://127.0.0.1:87655',
  'http://127.0.0.1',
  'http://localhost:8765',
  'http://user@127.0.0.1:8765',
  'https://ide.example.evil.example',
  'https://evil-ide.example',
  'https://ide.example:444',
  'HTTPS://IDE.EXAMPLE',
])('the Origin %j is foreign', (origin) => {
  expect(judgeOrigin(request({ origin }), rules)).toMatchObject({ status: 403, code: 'foreign_origin' });
});

test('our own origin, an allowed one, and no origin are let in', () => {
  expect(judgeOrigin(request({ origin: 'http://127.0.0.1:8765' }), rules)).toBeUndefined();
  expect(judgeOrigin(request({ origin: 'https://ide.example' }), rules)).toBeUndefined();
  expect(judgeOrigin(request({}), rules)).toBeUndefined();
});

test('a server without pages refuses every origin, its own too', () => {
  const listener = { ...rules, servesPages: false };
  expect(judgeOrigin(request({ origin: 'http://127.0.0.1:8765' }), listener)).toMatchObject({ status: 403 });
});

test.each([
  'evil.example',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  '127.evil.example',
  'x y',
  '[::1',
  '127.0.0.1:99999999',
  '@',
  '',
])('the Host %j is not ours', (host) => {
  expect(judgeOrigin(request({ host }), rules)).toMatchObject({ status: 403, code: 'foreign_host' });
});

test.each(['localhost', 'LOCALHOST:1', '127.0.0.1:8765', '[::1]:8765', '10.1.2.3:8765', 'box.example'])(
  'the Host %j is ours',
  (host) => {
    expect(judgeOrigin(request({ host }), rules)).toBeUndefined();
  },
);

test('the own origin is that of the scheme served', () => {
  const origin = 'https://127.0.0.1:8765';
  expect(judgeOrigin(request({ origin }), rules)).toMatchObject({ code: 'foreign_origin' });
  expect(judgeOrigin(request({ origin }), { ...rules, hasTls: true })).toBeUndefined();
  expect(judgeOrigin(request({ origin: 'http://127.0.0.1:8765' }), { ...rules, hasTls: true })).toMatchObject({
    code: 'foreign_origin',
  });
});

test.each([
  [{ authorization: 'Bearer right-token' }, '/'],
  [{}, '/exec?token=right-token'],
  [{ cookie: 'a=b; exec_workbench_token=right-token' }, '/'],
  [{ cookie: 'exec_workbench_token=of-yesterday' }, '/?token=right-token'],
])('the token is taken from the header, the query and the cookie (%j %s)', async (headers, url) => {
  const bearer = request(headers, url);
  const doorkeeper = access();
  expect(await doorkeeper.judgeToken(bearer, 'admin')).toBeUndefined();
  expect(doorkeeper.tokenOf(bearer)).toBe('right-token');
});

test.each([
  [{}, '/'],
  [{ authorization: 'Bearer wrong' }, '/'],
  [{ authorization: 'Basic right-token' }, '/'],
  [{ cookie: 'exec_workbench_token=' }, '/?token='],
  [{}, '/?token=right-toke'],
  [{}, '/?Token=right-token'],
])('no or a wrong token is refused (%j %s)', async (headers, url) => {
  expect(await access().judgeToken(request(headers, url))).toMatchObject({ status: 401, code: 'unauthorized' });
});

test('after too many wrong tokens an address has to wait, with the right one too; without a token it is no guess', async () => {
  const doorkeeper = access();
  for (let n = 0; n < 5; n++) expect(await doorkeeper.judgeToken(request({}))).toMatchObject({ status: 401 });
  for (let n = 0; n < 3; n++) {
    expect(await doorkeeper.judgeToken(request({ authorization: 'Bearer wrong' }))).toMatchObject({ status: 401 });
  }
  const refusal = await doorkeeper.judgeToken(request({ authorization: 'Bearer right-token' }));
  expect(refusal).toMatchObject({ status: 429, code: 'too_many_failures' });
  expect(refusal?.retryAfterSec).toBeGreaterThan(0);
  expect(refusal?.retryAfterSec).toBeLessThanOrEqual(60);
});

test('the cookie of a former server is one guess, however often its page sends it; other cookies are others', async () => {
  const doorkeeper = access();
  const stale = { cookie: 'exec_workbench_token=of-yesterday' };
  for (let n = 0; n < 10; n++) expect(await doorkeeper.judgeToken(request(stale))).toMatchObject({ status: 401 });
  expect(await doorkeeper.judgeToken(request(stale, '/?token=right-token'))).toBeUndefined();
  for (const guess of ['a', 'b']) await doorkeeper.judgeToken(request({ cookie: `exec_workbench_token=${guess}` }));
  expect(await doorkeeper.judgeToken(request({}, '/?token=right-token'))).toMatchObject({ status: 429 });
});

test('one request holds one guess of each kind', async () => {
  const cookie = 'exec_workbench_token=a; exec_workbench_token=b; exec_workbench_token=right-token';
  expect(await access().judgeToken(request({ cookie }))).toMatchObject({ status: 401 });
});

test('of several tokens the one that allows it counts', async () => {
  const tokens = new CapabilityTokens();
  const digest = (text: string) => createHash('sha256').update(text).digest('hex');
  const listed = [
    { id: 'weak', sha256: digest('weak'), scopes: ['fs'] },
    { id: 'strong', sha256: digest('strong') },
  ];
  tokens.setFromFile(JSON.stringify({ tokens: listed }));
  const doorkeeper = new Access(rules, tokens, new FailureLimit(3));
  const both = request({ authorization: 'Bearer weak' }, '/metrics?token=strong');
  expect(await doorkeeper.judgeToken(both, 'admin')).toBeUndefined();
  expect(doorkeeper.grantOf(both).tokenId).toBe('strong');
  expect(await doorkeeper.judgeToken(request({ authorization: 'Bearer weak' }), 'admin')).toMatchObject({
    status: 403,
  });
});

test('behind TLS the cookie is never sent without', async () => {
  const bearer = request({}, '/?token=right-token');
  const doorkeeper = new Access({ ...rules, hasTls: true }, singleToken('right-token'), new FailureLimit(3));
  await doorkeeper.judgeToken(bearer);
  expect(doorkeeper.cookieFor(bearer)).toBe(
    'exec_workbench_token=right-token; HttpOnly; SameSite=Strict; Path=/; Secure',
  );
});
