// The envelope: what is a message, what it is answered with, what ends the connection (docs/protocol.md, "Envelope").

import { initialize } from '../../protocol/initialize.ts';
import { processTerminate } from '../../protocol/process.ts';
import { family, type ConformanceCase } from '../case.ts';
import type { CaseContext } from '../context.ts';
import { expectEqual, expectThat } from '../mismatch.ts';
import { refusalOf } from '../wire.ts';

const { must, should } = family('EXEC-ENVELOPE', 'docs/protocol.md, Envelope');
const terminate = (id: string) => `{"id":${id},"method":"process/terminate","params":{"processId":"none"}}`;

/** The text is no message: answered with id -1, and the connection goes on. */
function malformed(text: string) {
  return async (t: CaseContext) => {
    const wire = await t.harness();
    wire.send(text);
    await wire.malformed();
    await wire.call(processTerminate, { processId: 'none' });
  };
}

/** The text ends the connection; no answer is due. */
function fatal(text: string) {
  return async (t: CaseContext) => {
    const wire = await t.harness();
    wire.send(text);
    await wire.ended();
  };
}

export const envelopeCases: readonly ConformanceCase[] = [
  must(1, 'answers carry no jsonrpc member', async (t) => {
    const wire = await t.harness();
    await wire.ask('process/terminate', { processId: 'none' });
    for (const { text } of wire.received) expectThat(!text.includes('"jsonrpc"'), 'no jsonrpc member', text);
  }),
  must(2, 'a jsonrpc member is ignored, whatever its value', async (t) => {
    const wire = await t.harness();
    for (const [id, value] of [
      ['1', '"2.0"'],
      ['2', '"1.0"'],
      ['3', '7'],
    ] as const) {
      wire.send(`{"jsonrpc":${value},${terminate(id).slice(1)}`);
      expectEqual('the result', (await wire.answer(Number(id))).result, { running: false });
    }
  }),
  must(3, 'unknown members beside id, method and params are ignored', async (t) => {
    const wire = await t.harness();
    wire.send(`{"future":{"a":[1]},${terminate('1').slice(1)}`);
    expectEqual('the result', (await wire.answer(1)).result, { running: false });
  }),
  must(4, 'unknown members of params are ignored', async (t) => {
    const wire = await t.harness();
    const answer = await wire.ask('process/terminate', { processId: 'none', future: { a: 1 } });
    expectEqual('the result', answer.result, { running: false });
  }),
  must(5, 'text that is no JSON is answered with id -1 and -32600; the connection goes on', malformed('{"id":1')),
  must(6, 'an empty object is malformed', malformed('{}')),
  must(7, 'an array is malformed as a whole: there are no batches', malformed(`[${terminate('1')}]`)),
  must(8, 'a number, a string, null are malformed', async (t) => {
    for (const text of ['7', '"text"', 'null', 'true']) await malformed(text)(t);
  }),
  must(9, 'an id alone is malformed', malformed('{"id":5}')),
  must(10, 'a method that is no string is malformed', malformed('{"id":5,"method":7,"params":{}}')),
  must(11, 'two objects in one message are malformed', async (t) => {
    await malformed(`${terminate('1')}${terminate('2')}`)(t);
  }),
  must(12, 'a byte order mark in front makes a message malformed', malformed(`\uFEFF${terminate('1')}`)),
  must(13, 'white space around a message is fine', async (t) => {
    const wire = await t.harness();
    wire.send(` \t${terminate('1')}  `);
    expectEqual('the result', (await wire.answer(1)).result, { running: false });
  }),
  must(14, 'the members of a message may come in any order', async (t) => {
    const wire = await t.harness();
    wire.send('{"params":{"processId":"none"},"id":1,"method":"process/terminate"}');
    expectEqual('the result', (await wire.answer(1)).result, { running: false });
  }),
  must(15, 'escapes in member names and values are JSON like any other', async (t) => {
    const wire = await t.harness();
    wire.send('{"\\u0069d":1,"method":"process\\/terminate","params":{"processId":"\\ud83d\\ude00"}}');
    expectEqual('the result', (await wire.answer(1)).result, { running: false });
  }),
  should(
    16,
    'a doubled member is malformed',
    malformed('{"id":1,"id":2,"method":"process/terminate","params":{"processId":"x"}}'),
  ),

  must(20, 'an unknown method is -32601', async (t) => {
    await (await t.harness()).refuse('process/noSuchMethod', {}, -32601);
  }),
  must(21, 'an unknown method is -32601 before the handshake too', async (t) => {
    await (await t.wire()).refuse('noSuchMethod', {}, -32601);
  }),
  must(22, 'initialized as a request is -32601', async (t) => {
    await (await t.harness()).refuse('initialized', {}, -32601);
  }),
  must(23, 'missing params of a method that needs some are -32602', async (t) => {
    await (await t.wire()).refuse('initialize', undefined, -32602);
  }),
  must(24, 'params of a wrong type are -32602', async (t) => {
    const wire = await t.harness();
    for (const params of [7, 'text', true]) await wire.refuse('process/terminate', params, -32602);
  }),
  should(25, 'params as an array are taken by position', async (t) => {
    const answer = await (await t.harness()).ask('process/terminate', ['none']);
    expectEqual('the result', answer.result, { running: false });
  }),
  must(26, 'an error has an integer code and a text', async (t) => {
    const error = await (await t.harness()).refuse('process/terminate', {}, -32602);
    expectThat(error.message.trim() !== '', 'a message that says what is wrong', error);
  }),
  should(27, 'the text of -32602 names the member that is wrong', async (t) => {
    const error = await (await t.harness()).refuse('process/terminate', {}, -32602);
    expectThat(error.message.includes('processId'), 'processId in the message', error);
  }),

  must(30, 'an unknown notification ends the connection', fatal('{"method":"process/noSuchThing","params":{}}')),
  must(31, 'a method that wants an answer, sent without an id, ends the connection', async (t) => {
    await fatal('{"method":"process/terminate","params":{"processId":"none"}}')(t);
  }),
  must(32, 'an answer from the harness ends the connection', fatal('{"id":1,"result":{}}')),
  must(33, 'an error answer from the harness ends the connection', async (t) => {
    await fatal('{"id":1,"error":{"code":-32600,"message":"no"}}')(t);
  }),
  should(
    34,
    'a protocol error is said in a close frame: 1002 and the reason',
    async (t) => {
      const wire = await t.harness();
      wire.send('{"method":"process/noSuchThing","params":{}}');
      const close = await wire.ended();
      expectEqual('the close code', close.code, 1002);
      expectThat(close.reason.length > 0, 'a reason', close.reason);
    },
    { needs: ['websocket'] },
  ),
  must(35, 'a connection that ends takes no other with it', async (t) => {
    const [one, other] = [await t.harness(), await t.harness()];
    one.send('{"id":1,"result":{}}');
    await one.ended();
    await other.call(processTerminate, { processId: 'none' });
  }),
  must(36, 'the server sends no requests and no answers that nobody asked for', async (t) => {
    const wire = await t.harness();
    const process = await t.start(wire, { script: 'echo a; exit 3' });
    await process.untilClosed();
    await wire.fence();
    const unasked = wire.received.filter(
      ({ envelope }) => envelope.kind === 'request' || envelope.kind === 'malformed',
    );
    expectEqual(
      'requests from the server',
      unasked.map(({ text }) => text),
      [],
    );
    const answers = wire.received.filter(({ envelope }) => envelope.kind === 'response' || envelope.kind === 'error');
    expectEqual('answers to initialize, process/start and process/terminate', answers.length, 3);
  }),

  must(40, 'requests that wait for nothing are answered in their order', async (t) => {
    const wire = await t.harness();
    for (let id = 1; id <= 100; id++) wire.send(terminate(String(id + 1000)));
    await wire.answer(1100);
    const ids = wire.received.flatMap(({ envelope }) =>
      envelope.kind === 'response' && typeof envelope.id === 'number' && envelope.id > 1000 ? [envelope.id] : [],
    );
    expectEqual(
      'the ids of the answers',
      ids,
      Array.from({ length: 100 }, (_, index) => index + 1001),
    );
  }),
  must(
    41,
    'a binary message that holds JSON in UTF-8 is a message',
    async (t) => {
      const { websocket } = t.target;
      if (!websocket) return;
      const socket = websocket.factory(websocket.url);
      t.onEnd(() => socket.close());
      const texts: string[] = [];
      socket.addEventListener('message', ({ data }) => {
        texts.push(typeof data === 'string' ? data : 'a binary message');
        t.parts.waiting.changed();
      });
      socket.addEventListener('open', () => {
        const text = '{"id":1,"method":"initialize","params":{"clientName":"é"}}';
        t.transcript.add('binary', 'sent', text);
        socket.send(new TextEncoder().encode(text));
      });
      const answer = await t.parts.waiting.until('an answer as text', t.waitMs, () => texts[0]);
      expectThat(answer.includes('sessionId'), 'the answer to initialize, as text', answer);
    },
    { needs: ['websocket'] },
  ),
  must(42, 'a W3C trace beside the id changes nothing', async (t) => {
    const wire = await t.harness();
    const trace =
      '"trace":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","tracestate":"a=b"}';
    wire.send(`{${trace},${terminate('1').slice(1)}`);
    expectEqual('the result', (await wire.answer(1)).result, { running: false });
  }),
  should(43, 'a trace that is no object is malformed', malformed(`{"trace":7,${terminate('1').slice(1)}`)),
  must(44, 'a request of 1 MiB is taken', async (t) => {
    const wire = await t.wire();
    const params = { clientName: 'n'.repeat(1024 * 1024) };
    expectThat((await wire.call(initialize, params)).sessionId !== '', 'a sessionId', '');
  }),
  must(45, 'malformed messages before the handshake are answered too', async (t) => {
    const wire = await t.wire();
    wire.send('nonsense');
    refusalOf('a malformed message', await wire.answer(-1), [-32600]);
    await t.shakeHands(wire);
  }),
];
