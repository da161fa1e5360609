// The handshake: initialize, its answer, initialized, and what comes too early (docs/protocol.md, "Handshake and sessions").

import { environmentInfoResult } from '../../protocol/environment.ts';
import { initialize } from '../../protocol/initialize.ts';
import { processTerminate } from '../../protocol/process.ts';
import { family, type ConformanceCase } from '../case.ts';
import { isRecord } from '../facts.ts';
import { expectEqual, expectThat } from '../mismatch.ts';

const { must, should, extension } = family('EXEC-HANDSHAKE', 'docs/protocol.md, Handshake and sessions');
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export const handshakeCases: readonly ConformanceCase[] = [
  must(1, 'initialize answers a sessionId, a UUID', async (t) => {
    const { sessionId } = await (await t.wire()).call(initialize, { clientName: 'conformance' });
    expectThat(uuid.test(sessionId), 'a UUID', sessionId);
  }),
  must(2, 'clientName may be empty', async (t) => {
    await (await t.wire()).call(initialize, { clientName: '' });
  }),
  must(3, 'a missing clientName is -32602', async (t) => {
    await (await t.wire()).refuse('initialize', {}, -32602);
  }),
  must(4, 'a clientName that is no string is -32602', async (t) => {
    const wire = await t.wire();
    for (const clientName of [7, null, ['a']]) await wire.refuse('initialize', { clientName }, -32602);
  }),
  must(5, 'resumeSessionId null asks for a new session', async (t) => {
    await (await t.wire()).call(initialize, { clientName: 'c', resumeSessionId: null });
  }),
  must(6, 'a resumeSessionId that is no string is -32602', async (t) => {
    await (await t.wire()).refuse('initialize', { clientName: 'c', resumeSessionId: 7 }, -32602);
  }),
  must(7, 'unknown members of initialize are ignored', async (t) => {
    await (await t.wire()).call(initialize, { clientName: 'c', future: [1, 2] });
  }),
  must(8, 'a failed initialize may be tried again on the same connection', async (t) => {
    const wire = await t.wire();
    await wire.refuse('initialize', {}, -32602);
    await t.shakeHands(wire);
    await wire.call(processTerminate, { processId: 'none' });
  }),
  must(9, 'a second initialize is -32600, before initialized', async (t) => {
    const wire = await t.wire();
    await wire.call(initialize, { clientName: 'c' });
    await wire.refuse('initialize', { clientName: 'c' }, -32600);
  }),
  must(10, 'a second initialize is -32600, after initialized', async (t) => {
    const wire = await t.harness();
    await wire.refuse('initialize', { clientName: 'c' }, -32600);
    await wire.call(processTerminate, { processId: 'none' });
  }),
  must(11, 'process requests before initialize are -32600 client must call initialize', async (t) => {
    const error = await (await t.wire()).refuse('process/terminate', { processId: 'p' }, -32600);
    expectEqual('the message', error.message, 'client must call initialize before using exec methods');
  }),
  must(12, 'process requests before initialized are -32600 client must send initialized', async (t) => {
    const wire = await t.wire();
    await wire.call(initialize, { clientName: 'c' });
    const error = await wire.refuse('process/terminate', { processId: 'p' }, -32600);
    expectEqual('the message', error.message, 'client must send initialized before using exec methods');
  }),
  must(13, 'file requests before initialize are -32600', async (t) => {
    const error = await (await t.wire()).refuse('fs/readFile', { path: t.path('/etc/passwd') }, -32600);
    expectEqual('the message', error.message, 'client must call initialize before using filesystem methods');
  }),
  must(14, 'file requests before initialized are -32600, and do nothing', async (t) => {
    const wire = await t.wire();
    await wire.call(initialize, { clientName: 'c' });
    const path = t.path('/tmp/exec-conformance-too-early');
    const error = await wire.refuse('fs/createDirectory', { path }, -32600);
    expectEqual('the message', error.message, 'client must send initialized before using filesystem methods');
    wire.notify('initialized', {});
    await wire.refuse('fs/getMetadata', { path }, -32004);
  }),
  must(15, 'http requests before initialize are -32600', async (t) => {
    const params = { method: 'GET', url: 'http://127.0.0.1:9/', requestId: 'r' };
    const error = await (await t.wire()).refuse('http/request', params, -32600);
    expectEqual('the message', error.message, 'client must call initialize before using http methods');
  }),
  must(16, 'params are judged before the handshake: -32602', async (t) => {
    await (await t.wire()).refuse('process/terminate', {}, -32602);
  }),
  must(17, 'initialized before initialize ends the connection', async (t) => {
    const wire = await t.wire();
    wire.notify('initialized', {});
    await wire.ended();
  }),
  must(18, 'initialized takes {}, null, an array or nothing as params', async (t) => {
    for (const params of [undefined, null, [], {}]) {
      const wire = await t.wire();
      await wire.call(initialize, { clientName: 'c' });
      wire.notify('initialized', params);
      await wire.call(processTerminate, { processId: 'none' });
    }
  }),
  must(19, 'initialized again does no harm', async (t) => {
    const wire = await t.harness();
    wire.notify('initialized', {});
    await wire.call(processTerminate, { processId: 'none' });
  }),
  must(20, 'requests pipelined behind the handshake are served', async (t) => {
    const wire = await t.wire();
    const first = wire.request('initialize', { clientName: 'c' });
    wire.notify('initialized', {});
    const second = wire.request('process/terminate', { processId: 'none' });
    await wire.answer(first);
    expectEqual('the result', (await wire.answer(second)).result, { running: false });
  }),
  must(
    21,
    'initialize tells about the environment',
    async (t) => {
      const { handshake } = await t.harness();
      const info = isRecord(handshake) ? handshake['environmentInfo'] : undefined;
      const parsed = environmentInfoResult.safeParse(info);
      expectThat(parsed.success, 'environmentInfo as it is declared', info);
    },
    { dialects: ['0.169'] },
  ),
  extension(
    22,
    'initialize lists extensions as strings',
    async (t) => {
      const { handshake } = await t.harness();
      const list = isRecord(handshake) ? handshake['extensions'] : undefined;
      expectThat(Array.isArray(list) && list.every((name) => typeof name === 'string'), 'an array of strings', list);
    },
    { extension: 'process/closeStdin' },
  ),
  should(23, 'process/started comes only to harnesses that asked for it', async (t) => {
    const wire = await t.harness();
    await (await t.start(wire, {})).untilClosed();
    const methods = wire.received.flatMap(({ envelope }) =>
      envelope.kind === 'notification' ? [envelope.method] : [],
    );
    expectEqual('the notifications', methods, ['process/exited', 'process/closed']);
  }),
];
