// Ids of requests: which are taken, and that they come back exactly (docs/protocol.md, "Envelope").

import { processTerminate } from '../../protocol/process.ts';
import { family, type ConformanceCase } from '../case.ts';
import type { CaseContext } from '../context.ts';
import { expectThat } from '../mismatch.ts';

const { must, should } = family('EXEC-ID', 'docs/protocol.md, Envelope');

/** The id, as JSON text, is echoed with these very characters. */
function echoed(...ids: readonly string[]) {
  return async (t: CaseContext) => {
    const wire = await t.harness();
    for (const id of ids) {
      wire.send(`{"id":${id},"method":"process/terminate","params":{"processId":"none"}}`);
      await wire.next(`an answer with "id":${id}`, ({ text }) => {
        const [, got] = /"id":\s*("(?:[^"\\]|\\.)*"|-?\d+)/.exec(text) ?? [];
        return got === id ? true : undefined;
      });
    }
  };
}

/** The id makes the message malformed. */
function refused(...ids: readonly string[]) {
  return async (t: CaseContext) => {
    const wire = await t.harness();
    for (const id of ids) {
      wire.send(`{"id":${id},"method":"process/terminate","params":{"processId":"none"}}`);
      await wire.malformed();
    }
    await wire.call(processTerminate, { processId: 'none' });
  };
}

export const idCases: readonly ConformanceCase[] = [
  must(1, 'a string id is echoed', echoed('"abc"')),
  must(2, 'the empty string is an id', echoed('""')),
  must(3, '0 is an id', echoed('0')),
  must(4, 'negative ids are echoed', echoed('-7')),
  must(5, '"1" and 1 are two ids', echoed('"1"', '1')),
  must(6, 'integers beyond 2^53 are echoed exactly', echoed('9007199254740993', '-9007199254740993')),
  must(7, 'the ends of the signed 64-bit range are ids', echoed('9223372036854775807', '-9223372036854775808')),
  must(8, 'non-ASCII ids are echoed', echoed('"ü😀"')),
  must(9, 'an id may be used again', echoed('5', '5')),
  must(10, 'an id may be used again while its first request waits', async (t) => {
    const wire = await t.harness();
    await t.start(wire, { script: 'sleep 0.2' });
    for (let count = 0; count < 2; count++) wire.request('process/read', { processId: 'p', waitMs: 100 }, 77);
    expectThat('chunks' in Object(await wire.answer(77).then(({ result }) => result)), 'a first answer', undefined);
    expectThat('chunks' in Object(await wire.answer(77).then(({ result }) => result)), 'a second answer', undefined);
  }),
  should(11, 'null is no id', refused('null')),
  should(12, 'a fraction is no id', refused('1.5')),
  should(13, 'a boolean is no id', refused('true')),
  should(14, 'an array and an object are no ids', refused('[1]', '{"a":1}')),
  should(15, 'an integer beyond 64 bit is no id', refused('9223372036854775808')),
];
