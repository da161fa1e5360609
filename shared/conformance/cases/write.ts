// process/write: bytes to stdin, their order and their states (docs/protocol.md, "process/write").

import { base64Encode, utf8Encode } from '../../bytes.ts';
import { processRead, processTerminate, processWrite } from '../../protocol/process.ts';
import { family, type ConformanceCase } from '../case.ts';
import type { CaseContext } from '../context.ts';
import { expectEqual, expectThat } from '../mismatch.ts';
import type { CaseProcess } from '../process.ts';
import type { Wire } from '../wire.ts';

const { must, should } = family('EXEC-WRITE', 'docs/protocol.md, process/write');

let lastWriteId = 0;

/** 0.169 wants an id with each write, others ignore it. */
function writeParams(chunk: string | Uint8Array, writeId = `w${++lastWriteId}`) {
  const bytes = typeof chunk === 'string' ? utf8Encode(chunk) : chunk;
  return { processId: 'p', chunk: base64Encode(bytes), writeId };
}

async function catProcess(t: CaseContext): Promise<{ wire: Wire; process: CaseProcess }> {
  const wire = await t.harness();
  return { wire, process: await t.start(wire, { argv: ['/bin/cat'], pipeStdin: true }) };
}

export const writeCases: readonly ConformanceCase[] = [
  must(1, 'writes are accepted and reach the process in their order', async (t) => {
    const { wire, process } = await catProcess(t);
    for (const word of ['one ', 'two ', 'three']) {
      expectEqual('the answer', await wire.call(processWrite, writeParams(word)), { status: 'accepted' });
    }
    await process.untilText('one two three');
  }),
  must(2, 'pipelined writes keep their order', async (t) => {
    const { wire, process } = await catProcess(t);
    for (let index = 0; index < 60; index++) wire.request('process/write', writeParams(`${index},`));
    const expected = Array.from({ length: 60 }, (_, index) => `${index},`).join('');
    await process.untilText('59,');
    expectEqual('the output', process.text(), expected);
  }),
  must(3, 'every byte value arrives as it is', async (t) => {
    const { wire, process } = await catProcess(t);
    const bytes = Uint8Array.from({ length: 256 }, (_, value) => value);
    await wire.call(processWrite, writeParams(bytes));
    await wire.until('256 bytes', () => process.output().length >= 256 || undefined);
    expectEqual('the bytes', [...process.output()], [...bytes]);
  }),
  must(4, '300,000 bytes in one write arrive complete', async (t) => {
    const { wire, process } = await catProcess(t);
    const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7 + (index >> 8)) & 0xff);
    await wire.call(processWrite, writeParams(bytes));
    await wire.until('300000 bytes', () => process.output().length >= bytes.length || undefined);
    const wrong = process.output().findIndex((byte, index) => byte !== bytes[index]);
    expectEqual('the index of the first wrong byte', wrong, -1);
  }),
  must(5, 'without pipeStdin: stdinClosed', async (t) => {
    const wire = await t.harness();
    await t.start(wire, { script: 'sleep 5' });
    expectEqual('the answer', await wire.call(processWrite, writeParams('x')), { status: 'stdinClosed' });
  }),
  must(6, 'no such process: unknownProcess', async (t) => {
    expectEqual('the answer', await (await t.harness()).call(processWrite, writeParams('x')), {
      status: 'unknownProcess',
    });
  }),
  must(7, 'no bytes at all are accepted', async (t) => {
    const { wire, process } = await catProcess(t);
    expectEqual('the answer', await wire.call(processWrite, writeParams('')), { status: 'accepted' });
    await wire.call(processWrite, writeParams('x'));
    await process.untilText('x');
  }),
  must(8, 'what is no standard base64 is -32602, and nothing is written', async (t) => {
    const { wire, process } = await catProcess(t);
    for (const chunk of ['*', 'QQ', 'Q', 'QQ==\n', ' QQ==', '-_-_', 'QQ=']) {
      await wire.refuse('process/write', { processId: 'p', chunk, writeId: `b${++lastWriteId}` }, -32602);
    }
    await wire.call(processWrite, writeParams('fine'));
    await process.untilText('fine');
    expectEqual('the output', process.text(), 'fine');
  }),
  must(9, 'a missing chunk is -32602', async (t) => {
    const { wire } = await catProcess(t);
    await wire.refuse('process/write', { processId: 'p', writeId: 'w' }, -32602);
  }),
  must(
    10,
    'a write with an id that was accepted before is not written again',
    async (t) => {
      const { wire, process } = await catProcess(t);
      for (let count = 0; count < 2; count++) {
        const answer = await wire.call(processWrite, writeParams('once', 'same'));
        expectEqual('the answer', answer, { status: 'accepted' });
      }
      await wire.call(processWrite, writeParams(' end', 'other'));
      await process.untilText('end');
      expectEqual('the output', process.text(), 'once end');
    },
    { dialects: ['0.169'] },
  ),
  must(
    11,
    'an empty writeId is -32602',
    async (t) => {
      const { wire } = await catProcess(t);
      await wire.refuse('process/write', { processId: 'p', chunk: 'QQ==', writeId: '' }, -32602);
    },
    { dialects: ['0.169'] },
  ),
  should(12, 'a write without a writeId is accepted', async (t) => {
    const { wire, process } = await catProcess(t);
    await wire.call(processWrite, { processId: 'p', chunk: 'QQ==' });
    await process.untilText('A');
  }),
  must(13, 'a write after terminate has taken effect is -32603', async (t) => {
    const { wire, process } = await catProcess(t);
    await wire.call(processTerminate, { processId: 'p' });
    await process.untilClosed();
    const error = await wire.refuse('process/write', writeParams('x'), -32603);
    expectEqual('the message', error.message, 'failed to write to process stdin');
  }),
  should(14, 'writes into a full pipe hold up nothing behind them', async (t) => {
    const wire = await t.harness();
    await t.start(wire, { script: 'sleep 30', pipeStdin: true });
    const chunk = new Uint8Array(64 * 1024);
    // 13 MB: more than a pipe holds, less than what is refused.
    for (let index = 0; index < 200; index++) wire.request('process/write', writeParams(chunk));
    expectEqual('terminate', await wire.call(processTerminate, { processId: 'p' }), { running: true });
  }),
  must(15, 'a running process whose stdin is open is not changed by a read', async (t) => {
    const { wire, process } = await catProcess(t);
    await wire.call(processRead, { processId: 'p' });
    await wire.call(processWrite, writeParams('still here'));
    await process.untilText('still here');
  }),
];

const terminal = family('EXEC-TTY', 'docs/protocol.md, process/start');

async function ttyProcess(t: CaseContext, script: string): Promise<{ wire: Wire; process: CaseProcess }> {
  const wire = await t.harness();
  return { wire, process: await t.start(wire, { script, tty: true }) };
}

export const terminalCases: readonly ConformanceCase[] = [
  terminal.must(1, 'output comes as stream pty, lines end with CR LF', async (t) => {
    const { wire, process } = await ttyProcess(t, 'echo out; echo err >&2');
    const { stdout, stderr } = await process.untilClosed();
    expectEqual('the output', process.text('pty'), 'out\r\nerr\r\n');
    expectEqual('bytes on other streams', stdout.length + stderr.length, 0);
    await wire.fence();
  }),
  terminal.must(2, 'it has 24 rows and 80 columns', async (t) => {
    const { process } = await ttyProcess(t, 'stty size');
    await process.untilClosed();
    expectEqual('stty size', process.text().trim(), '24 80');
  }),
  terminal.must(3, '0, 1 and 2 are the terminal, and /dev/tty is there', async (t) => {
    const { process } = await ttyProcess(t, 'test -t 0 && test -t 1 && test -t 2 && echo yes > /dev/tty');
    await process.untilClosed();
    expectEqual('the output', process.text().trim(), 'yes');
  }),
  terminal.must(4, 'what is typed is echoed and reaches the program as a line', async (t) => {
    const { wire, process } = await ttyProcess(t, 'echo ready; read line; echo "got $line"');
    await process.untilText('ready');
    expectEqual('the answer', await wire.call(processWrite, writeParams('hello\r')), { status: 'accepted' });
    await process.untilClosed();
    expectEqual('the output', process.text(), 'ready\r\nhello\r\ngot hello\r\n');
  }),
  terminal.must(5, 'byte 3 interrupts the foreground program', async (t) => {
    const { wire, process } = await ttyProcess(
      t,
      'trap "echo interrupted; exit 9" INT; echo ready; while :; do sleep 0.05; done',
    );
    await process.untilText('ready');
    await wire.call(processWrite, writeParams('\x03'));
    expectEqual('the exit code', await process.untilExited(), 9);
  }),
  terminal.must(6, 'byte 4 is end of file', async (t) => {
    const { wire, process } = await ttyProcess(t, 'echo ready; cat; echo end');
    await process.untilText('ready');
    await wire.call(processWrite, writeParams('\x04'));
    await process.untilText('end');
  }),
  terminal.must(7, 'SHELL is added to env, TERM is not', async (t) => {
    const wire = await t.harness();
    const process = await t.start(wire, { argv: ['/usr/bin/env'], tty: true, env: { A: '1' } });
    await process.untilClosed();
    const names = process
      .text()
      .trim()
      .split('\r\n')
      .map((line) => line.split('=')[0]);
    expectEqual('the variables', names.sort(), ['A', 'SHELL']);
  }),
  terminal.must(8, 'a TERM of env is kept, and so is SHELL', async (t) => {
    const wire = await t.harness();
    const env = { TERM: 'vt100', SHELL: '/bin/other' };
    const process = await t.start(wire, { argv: ['/usr/bin/env'], tty: true, env });
    await process.untilClosed();
    expectEqual('the variables', process.text().trim().split('\r\n').sort(), ['SHELL=/bin/other', 'TERM=vt100']);
  }),
  terminal.must(9, 'pipeStdin means nothing on a terminal', async (t) => {
    const wire = await t.harness();
    const process = await t.start(wire, { script: 'echo ready; read line; exit 4', tty: true, pipeStdin: false });
    await process.untilText('ready');
    await wire.call(processWrite, writeParams('\r'));
    expectEqual('the exit code', await process.untilExited(), 4);
  }),
  terminal.must(
    10,
    'the child is the foreground group of a session of its own',
    async (t) => {
      const { process } = await ttyProcess(t, 'set -- $(cut -d" " -f5,6,8 /proc/$$/stat); echo $1-$2-$3-$$');
      await process.untilClosed();
      const numbers = new Set(process.text().trim().split('-'));
      expectThat(numbers.size === 1, 'pid, group, session and foreground group to be one', process.text().trim());
    },
    { needs: ['linux'] },
  ),
];
