// Output and the end of a process: notifications, their seq and order, exit codes (docs/protocol.md, "Output").

import { utf8Decode } from '../../bytes.ts';
import { processStart, processTerminate } from '../../protocol/process.ts';
import { family, type ConformanceCase } from '../case.ts';
import type { CaseContext } from '../context.ts';
import { expectEqual, expectThat } from '../mismatch.ts';
import type { ProcessEvent } from '../process.ts';
import { readAll } from './reading.ts';

const { must, should } = family('EXEC-OUTPUT', 'docs/protocol.md, Output');
const KiB = 1024;

/** Lines of eight characters: `0000000\n`, `0000001\n` … */
function numberedLines(count: number): { script: string; text: string } {
  const text = Array.from({ length: count }, (_, index) => `${String(index).padStart(7, '0')}\n`).join('');
  return { script: `awk 'BEGIN { for (i = 0; i < ${count}; i++) printf "%07d\\n", i }'`, text };
}

function kindsOf(events: readonly ProcessEvent[]): string[] {
  return events.map(({ kind }) => kind);
}

/** The same text, or where it differs. */
function expectSameText(got: string, expected: string): void {
  if (got === expected) return;
  let at = 0;
  while (got[at] === expected[at]) at++;
  expectEqual(
    `the output (${got.length} of ${expected.length} characters) from character ${at}`,
    got.slice(at, at + 40),
    expected.slice(at, at + 40),
  );
}

export const outputCases: readonly ConformanceCase[] = [
  must(1, 'stdout comes as process/output with stream stdout', async (t) => {
    const { stdout, stderr } = await t.run({ script: 'echo hello' });
    expectEqual('stdout and stderr', [utf8Decode(stdout), utf8Decode(stderr)], ['hello\n', '']);
  }),
  must(2, 'stderr is a stream of its own', async (t) => {
    const { stdout, stderr } = await t.run({ script: 'echo out; echo err >&2' });
    expectEqual('stdout and stderr', [utf8Decode(stdout), utf8Decode(stderr)], ['out\n', 'err\n']);
  }),
  must(3, 'seq counts output, exited and closed together, from 1, without a hole', async (t) => {
    const { events } = await t.run({ script: 'echo a; sleep 0.05; echo b >&2; sleep 0.05; echo c' });
    const seqs = events.map(({ seq }) => seq).sort((a, b) => a - b);
    expectEqual(
      'the seqs',
      seqs,
      events.map((_, index) => index + 1),
    );
  }),
  should(4, 'notifications are sent in the order of seq', async (t) => {
    for (let count = 0; count < 10; count++) {
      const { events } = await t.run({ script: 'echo a; echo b >&2; echo c' });
      const seqs = events.map(({ seq }) => seq);
      expectEqual(
        'the seqs in wire order',
        seqs,
        [...seqs].sort((a, b) => a - b),
      );
    }
  }),
  must(5, 'there is one exited and one closed, and nothing after closed', async (t) => {
    const wire = await t.harness();
    const process = await t.start(wire, { script: 'echo a; exit 1' });
    await process.untilClosed();
    await wire.fence();
    const kinds = kindsOf(process.events());
    expectEqual('exited', kinds.filter((kind) => kind === 'exited').length, 1);
    expectEqual('closed', kinds.filter((kind) => kind === 'closed').length, 1);
  }),
  must(6, 'closed has the highest seq', async (t) => {
    const { events } = await t.run({ script: 'echo a; echo b >&2' });
    const closed = events.find(({ kind }) => kind === 'closed');
    expectEqual('the seq of closed', closed?.seq, Math.max(...events.map(({ seq }) => seq)));
  }),
  must(7, 'a process without output has exited as 1 and closed as 2', async (t) => {
    const { events } = await t.run({ script: 'exit 0' });
    const bySeq = [...events].sort((a, b) => a.seq - b.seq);
    expectEqual(
      'the events',
      bySeq.map(({ seq, kind }) => `${seq} ${kind}`),
      ['1 exited', '2 closed'],
    );
  }),
  should(8, 'what a process wrote before it ended comes before exited', async (t) => {
    const { script } = numberedLines(40_000);
    const { events } = await t.run({ script });
    expectEqual('the last two events', kindsOf(events).slice(-2), ['exited', 'closed']);
  }),
  should(9, 'the answer to start comes before the notifications that it causes', async (t) => {
    const wire = await t.harness();
    for (let count = 0; count < 10; count++) {
      const process = t.watch(wire, `p${count}`);
      await wire.call(processStart, t.startParams({ processId: process.processId, script: 'echo a' }));
      await process.untilClosed();
      const texts = wire.received.map(({ text }) => text);
      const answer = texts.findIndex((text) => text.includes('"result"') && text.includes(`"p${count}"`));
      const first = texts.findIndex((text) => text.includes('"method"') && text.includes(`"p${count}"`));
      expectThat(answer < first, 'the answer first', texts.slice(-5));
    }
  }),
  must(10, '2 MiB of output arrive complete and in order', async (t) => {
    const { script, text } = numberedLines(256 * KiB);
    const { stdout } = await t.run({ script });
    expectSameText(utf8Decode(stdout), text);
  }),
  must(11, 'every byte value arrives as it is', async (t) => {
    const octal = Array.from({ length: 256 }, (_, value) => `\\${value.toString(8).padStart(3, '0')}`).join('');
    const { stdout } = await t.run({ argv: ['/usr/bin/printf', octal] });
    expectEqual(
      'the bytes',
      [...stdout],
      Array.from({ length: 256 }, (_, value) => value),
    );
  }),
  must(12, 'a process that ends at once loses nothing: 60 KiB by pipe', async (t) => {
    const { script, text } = numberedLines(7500);
    for (let count = 0; count < 5; count++) expectSameText(utf8Decode((await t.run({ script })).stdout), text);
  }),
  must(13, 'a process that ends at once loses nothing: 60 KiB on a terminal', async (t) => {
    const { script, text } = numberedLines(7500);
    for (let count = 0; count < 5; count++) {
      const { pty } = await t.run({ script, tty: true });
      expectSameText(utf8Decode(pty).replaceAll('\r\n', '\n'), text);
    }
  }),
  must(14, 'no chunk is empty', async (t) => {
    const { events } = await t.run({ script: 'printf ""; echo a; printf "" >&2; echo b' });
    const sizes = events.flatMap((event) => (event.kind === 'output' ? [event.bytes.length] : []));
    expectThat(sizes.length > 0 && sizes.every((size) => size > 0), 'chunks with bytes', sizes);
  }),
  must(15, 'a background child that holds the pipe delays closed, not exited; its output comes', async (t) => {
    const wire = await t.harness();
    const process = await t.start(wire, { script: '(sleep 0.3; echo late) & echo early; exit 2' });
    expectEqual('the exit code', await process.untilExited(), 2);
    expectThat(!kindsOf(process.events()).includes('closed'), 'closed not yet', kindsOf(process.events()));
    const { stdout } = await process.untilClosed();
    expectEqual('the output', utf8Decode(stdout), 'early\nlate\n');
  }),
  must(16, 'notifications and process/read give the same bytes under the same seqs', async (t) => {
    const wire = await t.harness();
    const process = await t.start(wire, { script: 'echo a; sleep 0.05; echo b >&2; sleep 0.05; echo c' });
    await process.untilClosed();
    const notified = process.events().flatMap((event) => (event.kind === 'output' ? [event] : []));
    const { chunks } = await readAll(wire, 'p');
    const line = (seq: number, stream: string, bytes: Uint8Array) => `${seq} ${stream} ${utf8Decode(bytes)}`;
    expectEqual(
      'the chunks that were read',
      chunks.map(({ seq, stream, bytes }) => line(seq, stream, bytes)),
      notified.map(({ seq, stream, bytes }) => line(seq, stream, bytes)).sort((a, b) => parseInt(a) - parseInt(b)),
    );
  }),
  must(17, 'two processes that write at once keep seqs and bytes apart', async (t) => {
    const wire = await t.harness();
    const { script, text } = numberedLines(20_000);
    const processes = [
      await t.start(wire, { processId: 'a', script }),
      await t.start(wire, { processId: 'b', script }),
    ];
    for (const process of processes) expectSameText(utf8Decode((await process.untilClosed()).stdout), text);
  }),
  must(18, 'a harness that stops reading for a while loses nothing', async (t) => {
    const wire = await t.harness();
    const { script, text } = numberedLines(512 * KiB);
    const process = await t.start(wire, { script });
    await process.untilText('0000000\n');
    wire.connection.pause();
    await t.sleep(300);
    wire.connection.resume();
    expectSameText(utf8Decode((await process.untilClosed()).stdout), text);
  }),
  must(
    19,
    'a harness that does not read holds up no other connection',
    async (t) => {
      const [stalled, other] = [await t.harness(), await t.harness()];
      await t.start(stalled, { script: 'yes | head -c 30000000' });
      stalled.connection.pause();
      expectEqual('the exit code', (await t.run({ script: 'exit 3' })).exitCode, 3);
      await other.call(processTerminate, { processId: 'none' });
      stalled.connection.resume();
    },
    { needs: ['sessions'] },
  ),
  must(20, 'output of a running process comes at once, not at its end', async (t) => {
    const wire = await t.harness();
    const process = await t.start(wire, { script: 'echo now; read line', pipeStdin: true });
    await process.untilText('now\n');
    expectEqual('the events', kindsOf(process.events()), ['output']);
  }),
];

/** The exit code of a script. */
function exitsWith(script: string, exitCode: number, tty = false) {
  return async (t: CaseContext) => {
    expectEqual('the exit code', (await t.run({ script, tty })).exitCode, exitCode);
  };
}

const exits = family('EXEC-EXIT', 'docs/protocol.md, Output');

export const exitCases: readonly ConformanceCase[] = [
  exits.must(1, 'exit 0 is 0', exitsWith('exit 0', 0)),
  exits.must(2, 'exit 7 is 7', exitsWith('exit 7', 7)),
  exits.must(3, 'exit 255 is 255', exitsWith('exit 255', 255)),
  exits.must(4, 'exit codes are exact on a terminal', exitsWith('exit 42', 42, true)),
  exits.must(5, 'a process killed by a signal does not exit with 0', async (t) => {
    for (const tty of [false, true]) {
      const { exitCode } = await t.run({ script: 'kill -9 $$', tty });
      expectThat(exitCode !== 0, 'an exit code other than 0', exitCode);
    }
  }),
  exits.should(6, 'a process killed by SIGKILL exits with 137', exitsWith('kill -9 $$', 137)),
  exits.should(7, 'a process killed by SIGTERM exits with 143', exitsWith('kill -15 $$', 143)),
  exits.should(
    8,
    'a process killed by a signal exits with 128 + n on a terminal too',
    exitsWith('kill -9 $$', 137, true),
  ),
  exits.must(9, 'process/read tells the same exit code', async (t) => {
    const wire = await t.harness();
    await (await t.start(wire, { script: 'exit 19' })).untilClosed();
    expectEqual('the exit code', (await readAll(wire, 'p')).exitCode, 19);
  }),
];
