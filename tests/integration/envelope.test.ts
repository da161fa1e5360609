// What any text on the wire is answered with (docs/protocol.md §2, §3.3; promises 3 and 4). The random part prints its
// seed in the title; TEST_SEED=… replays it.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asObject, type Json, type JsonObject } from '../helpers/json.ts';
import { startStdioServer, useServer } from '../helpers/server.ts';
import { until, within } from '../helpers/until.ts';
import type { WireClient } from '../helpers/wire-client.ts';

const server = useServer();
const seed = Number(process.env['TEST_SEED'] ?? Date.now() % 2 ** 31);

/** Sends `text` and a known request behind it; what came before the answer to that, or undefined when the connection ended. */
async function answersTo(client: WireClient, text: string): Promise<JsonObject[] | undefined> {
  const from = client.messages.length;
  const end = client.ended.then(() => undefined);
  client.sendText(text);
  const sentinel = client.request('no/such/method', {}, { id: 'sentinel' }).catch(() => undefined);
  const answered = await within('the sentinel', 10_000, Promise.race([sentinel, end]));
  if (answered === undefined) return undefined;
  return client.messages.slice(from).filter((message) => message['id'] !== 'sentinel');
}

const malformed = [
  ...['', ' ', 'x', '{', '}', '[', ']', '"', '{"id":1', '{"id":1,}', "{'id':1}", 'undefined', 'NaN', '\u0000'],
  ...['[]', '[1]', '5', '-0', 'null', 'true', '"text"', '{}', '[{"id":1,"method":"initialize","params":{}}]'],
  ...[
    '{"id":5}',
    '{"id":5,"params":{}}',
    '{"id":5,"method":7}',
    '{"id":5,"method":null}',
    '{"method":[]}',
    '{"method":5}',
  ],
  ...[
    '{"id":5,"error":{}}',
    '{"id":5,"error":{"code":1}}',
    '{"id":5,"error":"text"}',
    '{"result":{}}',
    '{"params":{}}',
  ],
  ...['{"id":null,"method":"x"}', '{"id":1.5,"method":"x"}', '{"id":true,"method":"x"}', '{"id":[],"method":"x"}'],
  ...['{"id":{},"method":"x"}', '{"id":9223372036854775808,"method":"x"}', '{"id":-9223372036854775809,"method":"x"}'],
  ...['{"id":1e400,"method":"x"}', '{"id":1,"method":"x","trace":5}', '{"id":1,"method":"x","trace":[]}'],
  ...['{"id":1,"method":"x","trace":{"traceparent":5}}', '\ufeff{"id":1,"method":"x"}', '{"id":1,"method":"x"}{}'],
  ...['{"id":1,"method":"x"} trailing', '[[[[[[[[', '{"a":'.repeat(5_000), '['.repeat(100_000), 'x'.repeat(100_000)],
];

describe('a malformed message', () => {
  it(`is answered with id -1 and -32600, and the connection goes on, ${String(malformed.length)} of them`, async () => {
    const client = await server.current.connect();
    for (const text of malformed) {
      const answers = await answersTo(client, text);
      expect(answers, text.slice(0, 100)).toHaveLength(1);
      expect(answers?.[0], text.slice(0, 100)).toMatchObject({ id: -1, error: { code: -32600 } });
    }
    expect((await client.run(['echo', 'on'])).text()).toBe('on\n');
  });

  it('that repeats a member is malformed too', async () => {
    const client = await server.current.connect();
    const answers = await answersTo(client, '{"id":1,"id":2,"method":"no/such"}');
    expect(answers).toMatchObject([{ id: -1, error: { code: -32600 } }]);
  });
});

describe('a message that ends the connection', () => {
  it.each([
    '{"method":"process/whatever"}',
    '{"method":"process/start","params":{}}',
    '{"method":"","params":null}',
    '{"id":1,"result":null}',
    '{"id":"x","result":{}}',
    '{"id":1,"error":{"code":-1,"message":"x"}}',
  ])('does so with a close code and a reason: %s', async (text) => {
    const client = await server.current.connect();
    expect(await answersTo(client, text)).toBeUndefined();
    const end = await client.ended;
    expect(end.code).not.toBe(1006);
    expect(end.reason.length).toBeGreaterThan(5);
  });
});

describe('random messages', () => {
  const anyId = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.constant(0),
    fc.constant(null),
    fc.double(),
    fc.boolean(),
    fc.constant([]),
  );
  const anyMethod = fc.oneof(
    fc.constantFrom(
      'initialize',
      'initialized',
      'process/start',
      'process/read',
      'process/write',
      'process/terminate',
      'process/signal',
      'process/wait',
      'process/snapshot',
      'process/closeStdin',
      'process/resize',
      'fs/getMetadata',
      'fs/readFile',
      'fs/open',
      'http/request',
      'environment/info',
      '__proto__',
      'constructor',
      'toString',
    ),
    fc.string(),
    fc.jsonValue(),
  );
  /** No paths, programs or URLs that mean something: whatever this asks for must be refused. */
  const anyParams = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.dictionary(
      fc.constantFrom(
        'processId',
        'argv',
        'cwd',
        'env',
        'tty',
        'path',
        'chunk',
        'afterSeq',
        'waitMs',
        'clientName',
        'mode',
        '__proto__',
      ),
      fc.oneof(fc.integer(), fc.constant(null), fc.boolean(), fc.constant('none'), fc.constant([]), fc.constant({})),
    ),
  );
  const anyMessage = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.record(
      {
        id: anyId,
        method: anyMethod,
        params: anyParams,
        result: fc.jsonValue({ maxDepth: 1 }),
        error: fc.jsonValue({ maxDepth: 1 }),
        trace: fc.oneof(fc.constant({}), fc.jsonValue({ maxDepth: 1 })),
        jsonrpc: fc.constant('2.0'),
      },
      { requiredKeys: [] },
    ),
    fc.record({ id: anyId, method: anyMethod, params: anyParams }, { requiredKeys: ['id', 'method'] }),
  );

  /** The rules of docs/protocol.md §2.2 once more, slow and obvious. */
  function expected(message: unknown): 'answer' | 'malformed' | 'end' | 'silence' {
    if (typeof message !== 'object' || message === null || Array.isArray(message)) return 'malformed';
    const members = message as Record<string, unknown>;
    const { id, method, trace } = members;
    const isId =
      typeof id === 'string' || (typeof id === 'number' && Number.isInteger(id) && id >= -(2 ** 63) && id < 2 ** 63);
    if (typeof method === 'string') {
      if (!('id' in members)) return method === 'initialized' ? 'silence' : 'end';
      return isId && (trace === undefined || trace === null || isTrace(trace)) ? 'answer' : 'malformed';
    }
    if (!isId || 'method' in members) return 'malformed';
    if ('result' in members) return 'end';
    const error = members['error'];
    const isError =
      typeof error === 'object' &&
      error !== null &&
      'code' in error &&
      'message' in error &&
      Number.isInteger(error.code) &&
      typeof error.message === 'string';
    return isError ? 'end' : 'malformed';
  }

  function isTrace(trace: unknown): boolean {
    if (typeof trace !== 'object' || trace === null || Array.isArray(trace)) return false;
    return Object.entries(trace).every(
      ([name, value]) => !['traceparent', 'tracestate'].includes(name) || typeof value === 'string' || value === null,
    );
  }

  it(`never crash the server, and each request is answered exactly once (seed ${String(seed)})`, async () => {
    let client = await server.current.connect();
    await fc.assert(
      fc.asyncProperty(anyMessage, async (message) => {
        const text = JSON.stringify(message);
        const parsed = JSON.parse(text) as unknown;
        const kind = expected(parsed);
        // -1 as an id cannot be told from the answer to a malformed message.
        fc.pre(!(kind === 'answer' && [-1, 'sentinel'].includes((parsed as { id: never }).id)));
        if (kind === 'answer') {
          const { id, method, params } = parsed as { id: Json; method: string; params?: Json };
          client.sniffer.onRequest(id, method, params);
        }
        const answers = await answersTo(client, text);
        if (answers === undefined) {
          const end = await client.ended;
          client = await server.current.connect();
          expect({ kind, isAbrupt: end.code === 1006 }).toEqual({ kind: 'end', isAbrupt: false });
          return;
        }
        const ids = answers.filter((answer) => !('method' in answer)).map((answer) => answer['id']);
        if (kind === 'answer') expect(ids).toEqual([(parsed as { id: unknown }).id]);
        else if (kind === 'malformed') expect(ids).toEqual([-1]);
        else expect({ kind, ids }).toEqual({ kind: 'silence', ids: [] });
      }),
      { seed, numRuns: 1_500 },
    );
    expect((await client.run(['echo', 'alive'])).text()).toBe('alive\n');
  }, 60_000);

  it(`on stdio are the same however the bytes are cut (seed ${String(seed)})`, async () => {
    const { client } = await startStdioServer();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('\n', '\r\n', '\n\n', '\n \t\n'), { minLength: 1, maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }),
        fc.string({ unit: 'binary' }),
        async (ends, cuts, odd) => {
          const from = client.messages.length;
          const requests = ends.map((end, index) => {
            const id = `${String(index)} ${odd}`;
            client.sniffer.onRequest(id, 'no/such/method', {});
            return `${JSON.stringify({ id, method: 'no/such/method', params: { odd } })}${end}`;
          });
          const bytes = Buffer.from(requests.join(''));
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const size = cuts[turn % cuts.length] ?? 1;
            client.carrier.sendRaw(bytes.subarray(at, at + size));
            at += size;
          }
          await until('all answers', () => client.messages.length === from + requests.length, { everyMs: 1 });
          const ids = client.messages.slice(from).map((message) => message['id']);
          const wanted = requests.map((request) => asObject(JSON.parse(request) as Json)['id']);
          expect(ids).toEqual(wanted);
        },
      ),
      { seed, numRuns: 60 },
    );
  }, 60_000);

  it(`bytes written to cat come back as they are, in order (seed ${String(seed)})`, async () => {
    const client = await server.current.connect();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 0, maxLength: 5_000 }), { maxLength: 12 }),
        fc.boolean(),
        async (parts, isPipelined) => {
          const view = await client.start({ argv: ['cat'], pipeStdin: true });
          const writes: Promise<string>[] = [];
          for (const part of parts) {
            const write = client.write(view.processId, part);
            if (!isPipelined) await write;
            writes.push(write);
          }
          await client.call('process/closeStdin', { processId: view.processId });
          expect(new Set(await Promise.all(writes))).toEqual(new Set(parts.length > 0 ? ['accepted'] : []));
          await within('closed', 10_000, view.closed);
          expect(view.bytes().equals(Buffer.concat(parts))).toBe(true);
        },
      ),
      { seed, numRuns: 60 },
    );
  }, 60_000);
});

describe('requests before the handshake is done', () => {
  it('are -32600 and say what is missing, params are judged first, and a failed initialize does not count', async () => {
    const client = await server.current.connect({ handshake: false });
    const read = { processId: 'x' };
    const before = await client.request('process/read', read);
    expect(before.error).toEqual({ code: -32600, message: 'client must call initialize before using exec methods' });
    expect((await client.request('process/read', {})).error?.code).toBe(-32602);
    expect((await client.request('initialize', {})).error?.code).toBe(-32602);
    expect((await client.request('initialize', { clientName: '' })).error).toBeUndefined();
    const between = await client.request('fs/readFile', { path: '/x' });
    expect(between.error).toEqual({
      code: -32600,
      message: 'client must send initialized before using filesystem methods',
    });
    client.notify('initialized');
    client.notify('initialized', [1, 2]);
    expect((await client.request('process/read', read)).error?.message).toBe('unknown process id x');
    const again = await client.request('initialize', { clientName: 'again' });
    expect(again.error).toEqual({ code: -32600, message: 'initialize may only be sent once per connection' });
  });
});
