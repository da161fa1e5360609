import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { judgeOrigin, judgeToken, type AccessRules } from './access.ts';

const rules: AccessRules = {
  token: 'right-token',
  allowedOrigins: new Set(['https://ide.example']),
  allowedHosts: new Set(['box.example']),
  boundAddress: '10.1.2.3',
  servesPages: true,
  checksHost: true,
};

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

test('the token is taken from the header, the query and the cookie', () => {
  expect(judgeToken(request({ authorization: 'Bearer right-token' }), rules)).toBeUndefined();
  expect(judgeToken(request({}, '/exec?token=right-token'), rules)).toBeUndefined();
  expect(judgeToken(request({ cookie: 'a=b; exec_workbench_token=right-token' }), rules)).toBeUndefined();
});

test.each([
  [{}, '/'],
  [{ authorization: 'Bearer wrong' }, '/'],
  [{ authorization: 'Basic right-token' }, '/'],
  [{ cookie: 'exec_workbench_token=' }, '/?token='],
  [{}, '/?token=right-toke'],
  [{}, '/?Token=right-token'],
])('no or a wrong token is refused (%j %s)', (headers, url) => {
  expect(judgeToken(request(headers, url), rules)).toMatchObject({ status: 401, code: 'unauthorized' });
});
