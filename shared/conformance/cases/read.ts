// process/read: retained output by seq, waiting, paging (docs/protocol.md, "Read algorithm").

import { utf8Decode } from '../../bytes.ts';
import { processRead } from '../../protocol/process.ts';
import { family, type ConformanceCase } from '../case.ts';
import type { CaseContext } from '../context.ts';
import { isRecord } from '../facts.ts';
import { expectEqual, expectThat } from '../mismatch.ts';
import type { CaseProcess } from '../process.ts';
import type { Wire } from '../wire.ts';
import { bytesOf, readAll } from './reading.ts';

const { must, should } = family('EXEC-READ', 'docs/protocol.md, process/read');
const MiB = 1024 * 1024;

/** A closed process with three chunks: `one\n`, `two\n`, `three\n`. */
async function threeChunks(t: CaseContext): Promise<{ wire: Wire; process: CaseProcess }> {
  const wire = await t.harness();
  const process = await t.start(wire, {
    script: 'for w in one two three; do echo $w; read line; done',
    pipeStdin: true,
  });
  for (const word of ['one', 'two', 'three']) {
    await process.untilText(`${word}\n`);
    await wire.ask('process/write', { processId: 'p', chunk: 'Cg==', writeId: word });
  }
  await process.untilClosed();
  return { wire, process };
}

function textOf(chunks: readonly { chunk: string }[]): string {
  return chunks.map(({ chunk }) => utf8Decode(bytesOf(chunk))).join('');
}

/** A process that writes nothing and waits for a line; told apart by what ends it. */
async function silent(t: CaseContext): Promise<Wire> {
  const wire = await t.harness();
  await t.start(wire, { script: 'read line; echo woken; read line; exit 8', pipeStdin: true });
  return wire;
}

const wake = (wire: Wire, writeId: string) => wire.ask('process/write', { processId: 'p', chunk: 'Cg==', writeId });

/** Ends a wait from outside of the connection, so that servers which serve one request at a time can do it too. */
const sleeper = (ms: number, then: string) => ({ script: `sleep ${ms / 1000}; ${then}` });

export const readCases: readonly ConformanceCase[] = [
  must(1, 'answers chunks, nextSeq, exited, exitCode, closed and failure', async (t) => {
    const { wire } = await threeChunks(t);
    const answer = await wire.ask('process/read', { processId: 'p' });
    const { chunks: _, nextSeq: _next, ...rest } = isRecord(answer.result) ? answer.result : {};
    delete rest['sandboxDenied'];
    expectEqual('the rest of the result', rest, { exited: true, exitCode: 0, closed: true, failure: null });
  }),
  must(2, 'an unknown process is -32600', async (t) => {
    const error = await (await t.harness()).refuse('process/read', { processId: 'nobody' }, -32600);
    expectEqual('the message', error.message, 'unknown process id nobody');
  }),
  must(3, 'a missing processId is -32602', async (t) => {
    await (await t.harness()).refuse('process/read', {}, -32602);
  }),
  must(4, 'without afterSeq it begins at the oldest chunk', async (t) => {
    const { wire } = await threeChunks(t);
    expectEqual('the text', textOf((await wire.call(processRead, { processId: 'p' })).chunks), 'one\ntwo\nthree\n');
  }),
  must(5, 'only chunks above afterSeq are answered', async (t) => {
    const { wire } = await threeChunks(t);
    const { chunks } = await wire.call(processRead, { processId: 'p', afterSeq: 1 });
    expectEqual('the text', textOf(chunks), 'two\nthree\n');
    expectEqual(
      'the seqs',
      chunks.map(({ seq }) => seq),
      [2, 3],
    );
  }),
  must(6, 'reading takes nothing away', async (t) => {
    const { wire } = await threeChunks(t);
    for (let count = 0; count < 3; count++) {
      expectEqual('the text', textOf((await wire.call(processRead, { processId: 'p' })).chunks), 'one\ntwo\nthree\n');
    }
  }),
  must(7, 'maxBytes 0 gives one whole chunk', async (t) => {
    const { wire } = await threeChunks(t);
    expectEqual('the text', textOf((await wire.call(processRead, { processId: 'p', maxBytes: 0 })).chunks), 'one\n');
  }),
  must(8, 'further chunks come while the sum stays within maxBytes', async (t) => {
    const { wire } = await threeChunks(t);
    for (const [maxBytes, text] of [
      [4, 'one\n'],
      [7, 'one\n'],
      [8, 'one\ntwo\n'],
      [14, 'one\ntwo\nthree\n'],
    ] as const) {
      const { chunks } = await wire.call(processRead, { processId: 'p', maxBytes });
      expectEqual(`the text for maxBytes ${maxBytes}`, textOf(chunks), text);
    }
  }),
  must(9, 'nextSeq - 1 as the next afterSeq pages through everything exactly once', async (t) => {
    const { wire } = await threeChunks(t);
    const { text, chunks } = await readAll(wire, 'p', { maxBytes: 1 });
    expectEqual('text and number of chunks', [text, chunks.length], ['one\ntwo\nthree\n', 3]);
  }),
  must(10, 'nextSeq behind a part of the chunks is the last one answered + 1', async (t) => {
    const { wire } = await threeChunks(t);
    expectEqual('nextSeq', (await wire.call(processRead, { processId: 'p', maxBytes: 1 })).nextSeq, 2);
  }),
  must(11, 'nextSeq without chunks is the next unused number', async (t) => {
    const { wire } = await threeChunks(t);
    expectEqual('nextSeq', (await wire.call(processRead, { processId: 'p', afterSeq: 3 })).nextSeq, 6);
  }),
  must(12, 'waitMs 0 answers at once: no chunks, not exited, exitCode null', async (t) => {
    const wire = await silent(t);
    const { chunks, exited, exitCode, closed } = await wire.call(processRead, { processId: 'p', waitMs: 0 });
    expectEqual(
      'the state',
      { chunks, exited, exitCode, closed },
      { chunks: [], exited: false, exitCode: null, closed: false },
    );
  }),
  must(13, 'waitMs waits until output comes', async (t) => {
    const wire = await t.harness();
    await t.start(wire, sleeper(100, 'echo woken; sleep 5'));
    const { chunks } = await wire.call(processRead, { processId: 'p', waitMs: 8000 });
    expectEqual('the text', textOf(chunks), 'woken\n');
  }),
  must(14, 'waitMs waits until the process exits', async (t) => {
    const wire = await t.harness();
    await t.start(wire, sleeper(100, 'exit 8'));
    const { exited, exitCode } = await wire.call(processRead, { processId: 'p', waitMs: 8000 });
    expectEqual('the state', { exited, exitCode }, { exited: true, exitCode: 8 });
  }),
  must(15, 'waitMs ends: the answer comes when it is over, empty', async (t) => {
    const wire = await silent(t);
    const startedAt = performance.now();
    const { chunks, exited } = await wire.call(processRead, { processId: 'p', waitMs: 150 });
    const tookMs = Math.round(performance.now() - startedAt);
    expectEqual('the state', { chunks, exited }, { chunks: [], exited: false });
    expectThat(tookMs >= 140, 'an answer after 150 ms', `${tookMs} ms`);
  }),
  must(16, 'a closed process never waits', async (t) => {
    const { wire } = await threeChunks(t);
    const startedAt = performance.now();
    const { closed } = await wire.call(processRead, { processId: 'p', afterSeq: 1000, waitMs: 30_000 });
    expectEqual('closed', closed, true);
    expectThat(performance.now() - startedAt < 5000, 'an answer at once', 'one after 5 s and more');
  }),
  must(17, 'afterSeq, maxBytes and waitMs are unsigned integers: else -32602', async (t) => {
    const wire = await silent(t);
    for (const member of ['afterSeq', 'maxBytes', 'waitMs']) {
      for (const value of [-1, 1.5, '1'])
        await wire.refuse('process/read', { processId: 'p', [member]: value }, -32602);
    }
  }),
  must(18, 'null stands for an absent afterSeq, maxBytes and waitMs', async (t) => {
    const { wire } = await threeChunks(t);
    const { chunks } = await wire.call(processRead, { processId: 'p', afterSeq: null, maxBytes: null, waitMs: null });
    expectEqual('the text', textOf(chunks), 'one\ntwo\nthree\n');
  }),
  must(19, 'numbers up to 2^64-1 are taken', async (t) => {
    const { wire } = await threeChunks(t);
    const max = '18446744073709551615';
    wire.send(`{"id":900,"method":"process/read","params":{"processId":"p","afterSeq":0,"maxBytes":${max}}}`);
    expectThat(isRecord((await wire.answer(900)).result), 'a result', undefined);
  }),
  must(20, 'at most 1 MiB of output is retained, the newest, without a hole', async (t) => {
    const wire = await t.harness();
    const process = await t.start(wire, { script: `yes 0123456 | head -c ${3 * MiB}; echo end` });
    await process.untilClosed();
    const { chunks, bytes, text } = await readAll(wire, 'p');
    expectThat(bytes.length <= MiB && bytes.length > MiB / 2, 'up to 1 MiB of output', bytes.length);
    expectThat(text.endsWith('end\n'), 'the newest output', text.slice(-20));
    const seqs = chunks.map(({ seq }) => seq);
    const exited = process.events().find(({ kind }) => kind === 'exited')?.seq;
    const holes = seqs.filter((seq, index) => index > 0 && seq !== (seqs[index - 1] ?? 0) + 1 && seq - 1 !== exited);
    expectEqual('seqs behind a hole', holes, []);
  }),
  must(21, 'a jump from afterSeq to the first seq shows what was dropped', async (t) => {
    const wire = await t.harness();
    await (await t.start(wire, { script: `yes 0123456 | head -c ${3 * MiB}` })).untilClosed();
    const { chunks } = await wire.call(processRead, { processId: 'p', afterSeq: 0, maxBytes: 1 });
    expectThat((chunks[0]?.seq ?? 0) > 1, 'a first seq above 1', chunks[0]?.seq);
  }),
  must(22, 'two reads that wait for the same process are both answered', async (t) => {
    const wire = await t.harness();
    await t.start(wire, sleeper(100, 'exit 0'));
    const ids = [
      wire.request('process/read', { processId: 'p', waitMs: 5000 }),
      wire.request('process/read', { processId: 'p', waitMs: 5000 }),
    ];
    for (const id of ids) expectThat(isRecord((await wire.answer(id)).result), 'a result', undefined);
  }),
  should(23, 'a read that waits holds up nothing behind it', async (t) => {
    const wire = await silent(t);
    const waiting = wire.request('process/read', { processId: 'p', waitMs: 3000 });
    await wire.fence();
    expectThat(!wire.hasAnswer(waiting), 'the read to wait still', 'its answer came first');
    await wake(wire, 'w1');
    const { result } = await wire.answer(waiting);
    expectThat(
      isRecord(result) && Array.isArray(result['chunks']) && result['chunks'].length === 1,
      'one chunk',
      result,
    );
  }),
  must(
    25,
    'nextSeq without maxBytes is the next unused number, so that the end of the process counts',
    async (t) => {
      const { wire } = await threeChunks(t);
      expectEqual('nextSeq', (await wire.call(processRead, { processId: 'p' })).nextSeq, 6);
    },
    { dialects: ['0.169'] },
  ),
  must(
    24,
    'a closed process is forgotten in its time, and its id is free',
    async (t) => {
      const wire = await t.harness();
      await (await t.start(wire, { script: 'echo old' })).untilClosed();
      for (let answer = await wire.ask('process/read', { processId: 'p' }); !answer.error;) {
        await t.sleep(500);
        answer = await wire.ask('process/read', { processId: 'p' });
      }
      const again = await t.start(wire, { script: 'exit 0' });
      await again.wire.fence();
      const { nextSeq } = await wire.call(processRead, { processId: 'p', waitMs: 5000 });
      expectThat(nextSeq <= 3, 'seq to begin at 1 again', nextSeq);
    },
    { needs: ['slow'], timeoutMs: 150_000 },
  ),
];
