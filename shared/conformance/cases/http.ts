// http/request: exchanges, streamed bodies, errors (docs/protocol.md, "HTTP requests"). Most need the suite's HTTP fixture.

import { base64Encode, concatBytes, utf8Decode, utf8Encode } from '../../bytes.ts';
import { httpBodyDelta, httpRequest } from '../../protocol/http.ts';
import { family, type ConformanceCase } from '../case.ts';
import type { CaseContext } from '../context.ts';
import { expectEqual, expectThat, Mismatch, shown } from '../mismatch.ts';
import type { Wire } from '../wire.ts';
import { bytesOf } from './reading.ts';

const fixture = { needs: ['httpFixture'] } as const;
const { must } = family('HTTP', 'docs/protocol.md, HTTP requests', fixture);
const anywhere = family('HTTP', 'docs/protocol.md, HTTP requests');

interface Exchange {
  readonly method?: string;
  readonly headers?: readonly { name: string; value: string }[];
  readonly bodyBase64?: string;
  readonly timeoutMs?: number;
  readonly requestId?: string;
  readonly streamResponse?: boolean;
}

function paramsFor(url: string, more: Exchange = {}) {
  const { headers, ...rest } = more;
  return { method: 'GET', url, requestId: 'r', ...(headers ? { headers: [...headers] } : {}), ...rest };
}

const at = (t: CaseContext, path: string) => `${t.target.httpFixture ?? ''}${path}`;

async function bodyOf(t: CaseContext, path: string, more?: Exchange): Promise<{ status: number; text: string }> {
  const { status, bodyBase64 } = await (await t.harness()).call(httpRequest, paramsFor(at(t, path), more));
  return { status, text: utf8Decode(bytesOf(bodyBase64)) };
}

/** All deltas of a streamed body up to `done`. */
async function deltasOf(wire: Wire, requestId: string) {
  const deltas = [];
  for (let seq = 1; ; seq++) {
    const params = await wire.next(`http/request/bodyDelta ${seq} of ${requestId}`, ({ envelope }) =>
      envelope.kind === 'notification' && envelope.method === httpBodyDelta.method ? envelope.params : undefined,
    );
    const delta = httpBodyDelta.params.safeParse(params);
    if (!delta.success) throw new Mismatch('params of http/request/bodyDelta as declared', shown(params));
    expectEqual('requestId and seq', [delta.data.requestId, delta.data.seq], [requestId, seq]);
    deltas.push(delta.data);
    if (delta.data.done) return deltas;
  }
}

async function echoed(t: CaseContext, more: Exchange): Promise<unknown> {
  return JSON.parse((await bodyOf(t, '/echo', more)).text);
}

export const httpCases: readonly ConformanceCase[] = [
  anywhere.must(
    1,
    'a GET answers status, headers and body',
    async (t) => {
      const wire = await t.harness();
      const { status, bodyBase64 } = await wire.call(httpRequest, paramsFor(t.target.httpUrl ?? ''));
      expectEqual('the status', status, 200);
      bytesOf(bodyBase64);
    },
    { needs: ['http'] },
  ),
  must(2, 'the body comes as it is on the wire', async (t) => {
    const { bodyBase64 } = await (await t.harness()).call(httpRequest, paramsFor(at(t, '/binary')));
    expectEqual('the bytes', [...bytesOf(bodyBase64)], [0, 255, 254, 10, 0]);
  }),
  must(3, 'compressed stays compressed', async (t) => {
    const { bodyBase64 } = await (await t.harness()).call(httpRequest, paramsFor(at(t, '/gzip')));
    expectEqual('the first two bytes', [...bytesOf(bodyBase64).subarray(0, 2)], [0x1f, 0x8b]);
  }),
  must(4, 'header names are in lower case, repeated ones stay apart and in order', async (t) => {
    const { headers } = await (await t.harness()).call(httpRequest, paramsFor(at(t, '/text')));
    const many = headers.filter(({ name }) => name === 'x-many').map(({ value }) => value);
    expectEqual('x-many', many, ['a', 'b']);
    expectThat(
      headers.every(({ name }) => name === name.toLowerCase()),
      'names in lower case',
      headers,
    );
  }),
  must(5, 'any status is a result', async (t) => {
    expectEqual('the answer', await bodyOf(t, '/status/500'), { status: 500, text: 'boom' });
    expectEqual('the answer', await bodyOf(t, '/empty'), { status: 204, text: '' });
    expectEqual('the status', (await bodyOf(t, '/no-such-path')).status, 404);
  }),
  must(6, 'method, repeated headers and body are sent', async (t) => {
    const headers = [
      { name: 'x-test', value: 'one' },
      { name: 'x-test', value: 'two' },
    ];
    const bodyBase64 = base64Encode(utf8Encode('a body'));
    const seen = await echoed(t, { method: 'POST', headers, bodyBase64 });
    expectEqual('what the server saw', seen, { method: 'POST', xTest: ['one', 'two'], bodyBase64 });
  }),
  must(7, 'redirects are followed', async (t) => {
    expectEqual('the answer', await bodyOf(t, '/redirect'), { status: 200, text: 'hello' });
  }),
  must(
    8,
    'redirectPolicy stop answers the redirect',
    async (t) => {
      const params = { ...paramsFor(at(t, '/redirect')), redirectPolicy: 'stop' as const };
      expectEqual('the status', (await (await t.harness()).call(httpRequest, params)).status, 302);
    },
    { ...fixture, dialects: ['0.169'] },
  ),
  must(9, 'a redirect loop is -32603', async (t) => {
    await (await t.harness()).refuse('http/request', paramsFor(at(t, '/loop')), -32603);
  }),
  anywhere.must(10, 'a wrong method, URL, scheme or header is -32602', async (t) => {
    const wire = await t.harness();
    const url = 'http://127.0.0.1:9/';
    for (const change of [
      { method: 'BAD METHOD' },
      { url: 'no url' },
      { url: 'ftp://127.0.0.1/' },
      { headers: [{ name: 'bad name', value: 'x' }] },
      { headers: [{ name: 'x', value: 'a\nb' }] },
      { bodyBase64: '*' },
      { timeoutMs: -1 },
    ]) {
      await wire.refuse('http/request', { ...paramsFor(url), ...change }, -32602);
    }
  }),
  anywhere.must(11, 'a missing requestId is -32602', async (t) => {
    await (await t.harness()).refuse('http/request', { method: 'GET', url: 'http://127.0.0.1:9/' }, -32602);
  }),
  anywhere.must(12, 'no connection is -32603', async (t) => {
    await (await t.harness()).refuse('http/request', paramsFor('http://127.0.0.1:9/'), -32603);
  }),
  must(13, 'timeoutMs is for the whole exchange: -32603', async (t) => {
    await (await t.harness()).refuse('http/request', paramsFor(at(t, '/slow'), { timeoutMs: 100 }), -32603);
  }),
  must(14, 'a body that breaks off is -32603', async (t) => {
    await (await t.harness()).refuse('http/request', paramsFor(at(t, '/abort')), -32603);
  }),
  must(15, 'a streamed body comes by bodyDelta after the answer, the last one empty and done', async (t) => {
    const wire = await t.harness();
    const params = paramsFor(at(t, '/stream'), { streamResponse: true });
    const { status, bodyBase64 } = await wire.call(httpRequest, params);
    expectEqual('the answer', { status, bodyBase64 }, { status: 200, bodyBase64: '' });
    const deltas = await deltasOf(wire, 'r');
    expectEqual('the body', utf8Decode(concatBytes(deltas.map((delta) => bytesOf(delta.deltaBase64)))), 'abc');
    const { deltaBase64, error } = deltas.at(-1) ?? {};
    expectEqual('the last delta', { deltaBase64, error }, { deltaBase64: '', error: null });
  }),
  must(16, 'an empty streamed body is one delta that is done', async (t) => {
    const wire = await t.harness();
    await wire.call(httpRequest, paramsFor(at(t, '/empty'), { streamResponse: true }));
    expectEqual('the number of deltas', (await deltasOf(wire, 'r')).length, 1);
  }),
  must(17, 'a streamed body that breaks off ends with an error', async (t) => {
    const wire = await t.harness();
    await wire.call(httpRequest, paramsFor(at(t, '/abort'), { streamResponse: true }));
    const last = (await deltasOf(wire, 'r')).at(-1);
    expectThat(typeof last?.error === 'string' && last.error !== '', 'an error', last);
  }),
  must(18, 'the requestId of an active stream is -32602, and free after it', async (t) => {
    const wire = await t.harness();
    const params = paramsFor(at(t, '/stream'), { streamResponse: true });
    await wire.call(httpRequest, params);
    await wire.refuse('http/request', params, -32602);
    await deltasOf(wire, 'r');
    await wire.call(httpRequest, params);
    await deltasOf(wire, 'r');
  }),
  must(19, 'other requests are served while a body is streamed', async (t) => {
    const wire = await t.harness();
    await wire.call(httpRequest, paramsFor(at(t, '/stream'), { streamResponse: true }));
    await wire.fence();
    const isDone = wire.received.some(({ text }) => text.includes('bodyDelta') && text.includes('"done":true'));
    expectThat(!isDone, 'the answer before the end of the body', 'the end of the body first');
    await deltasOf(wire, 'r');
  }),
  family('HTTP', 'docs/protocol.md, HTTP requests', fixture).should(
    20,
    'an exchange that waits holds up nothing behind it',
    async (t) => {
      const wire = await t.harness();
      const id = wire.request('http/request', paramsFor(at(t, '/slow')));
      await wire.fence();
      expectThat(!wire.hasAnswer(id), 'the exchange to wait still', 'its answer came first');
    },
  ),
];
