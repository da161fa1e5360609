// The listening port (docs/protocol.md, "Transports").

import { family, type ConformanceCase } from '../case.ts';
import type { CaseContext } from '../context.ts';
import { expectEqual, expectThat } from '../mismatch.ts';
import type { ListenerRequest } from '../target.ts';

const { must, should } = family('LISTEN', 'docs/protocol.md, Transports', { needs: ['listener'] });

const upgrade = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** One request to the port, on the path of the WebSocket unless told otherwise. */
async function ask(t: CaseContext, request: Partial<ListenerRequest>) {
  const url = t.target.websocket?.url ?? '';
  const [, target = '/'] = /^wss?:\/\/[^/?#]+([^#]*)/i.exec(url) ?? [];
  const path = request.path ?? (target.startsWith('/') ? target : `/${target}`);
  const method = request.method ?? 'GET';
  // The query may hold a token.
  t.transcript.add(
    'http',
    'sent',
    `${method} ${path.replace(/\?.*/, '?…')} ${Object.keys(request.headers ?? {}).join(' ')}`,
  );
  const answer = await t.target.listener?.({ method, path, headers: request.headers ?? {} });
  if (!answer) throw new Error('no listener');
  t.transcript.add('http', 'received', `${answer.status} ${JSON.stringify(answer.headers)}`);
  return answer;
}

export const listenerCases: readonly ConformanceCase[] = [
  must(1, 'an upgrade is 101, without extension and subprotocol', async (t) => {
    const headers = { ...upgrade, 'sec-websocket-extensions': 'permessage-deflate', 'sec-websocket-protocol': 'a, b' };
    const answer = await ask(t, { headers });
    expectEqual('the status', answer.status, 101);
    const offers = [answer.headers['sec-websocket-extensions'], answer.headers['sec-websocket-protocol']];
    expectEqual('extension and subprotocol', offers, [undefined, undefined]);
  }),
  must(2, 'the accept key is that of RFC 6455', async (t) => {
    const answer = await ask(t, { headers: upgrade });
    expectEqual('sec-websocket-accept', answer.headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  }),
  must(3, 'a wrong WebSocket version is refused with 400 or 426', async (t) => {
    const { status } = await ask(t, { headers: { ...upgrade, 'sec-websocket-version': '12' } });
    expectThat(status === 400 || status === 426, '400 or 426', status);
  }),
  must(4, 'GET /readyz is 200', async (t) => {
    expectEqual('the status', (await ask(t, { path: '/readyz' })).status, 200);
    expectEqual('the status for HEAD', (await ask(t, { path: '/readyz', method: 'HEAD' })).status, 200);
  }),
  should(5, 'GET /healthz is 200', async (t) => {
    expectEqual('the status', (await ask(t, { path: '/healthz' })).status, 200);
  }),
  should(6, 'a foreign Origin is refused with 403: web pages do not get in', async (t) => {
    for (const origin of ['http://evil.example', 'null']) {
      expectEqual(`the status for Origin ${origin}`, (await ask(t, { headers: { ...upgrade, origin } })).status, 403);
    }
  }),
  must(7, 'an unknown path is no WebSocket', async (t) => {
    const { status } = await ask(t, { path: '/no/such/path', headers: upgrade });
    expectThat(status >= 400 && status < 500, 'a refusal', status);
  }),
  should(
    8,
    'a harness that closes politely gets a close frame',
    async (t) => {
      const wire = await t.harness();
      wire.close();
      expectEqual('the close code', (await wire.ended()).code, 1000);
    },
    { needs: ['websocket'] },
  ),
];
