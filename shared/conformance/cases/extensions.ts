// What a server may offer beyond the versions, and then has to keep (docs/protocol.md, "Extensions").

import { utf8Decode } from '../../bytes.ts';
import {
  processCloseStdin,
  processResize,
  processSnapshot,
  processStart,
  processTerminate,
  processWait,
} from '../../protocol/process.ts';
import { family, type ConformanceCase } from '../case.ts';
import type { CaseContext } from '../context.ts';
import { expectEqual, expectThat } from '../mismatch.ts';
import { bytesOf } from './reading.ts';

const source = 'docs/protocol.md, Extensions';
const p = { processId: 'p' };
const closing = family('EXT-CLOSE-STDIN', source, { extension: 'process/closeStdin' });
const resizing = family('EXT-RESIZE', source, { extension: 'process/resize' });
const waiting = family('EXT-WAIT', source, { extension: 'process/wait' });
const snapshots = family('EXT-SNAPSHOT', source, { extension: 'process/snapshot' });
const io = family('EXT-START-IO', source, { extension: 'process/start.io' });
const kind = family('EXT-START-KIND', source, { extension: 'process/start.kind' });
const modes = family('EXT-TERMINATE-MODE', source, { extension: 'process/terminate.mode' });
const started = family('EXT-STARTED', source, { extension: 'process/started' });

async function cat(t: CaseContext) {
  const wire = await t.harness();
  return { wire, process: await t.start(wire, { argv: ['/bin/cat'], pipeStdin: true }) };
}

/** `process/start` params with `io` in place of `tty` and `pipeStdin`. */
function ioParams(t: CaseContext, script: string, ioValue: unknown): Record<string, unknown> {
  const { tty: _, ...params } = t.startParams({ script });
  return { ...params, io: ioValue };
}

export const extensionCases: readonly ConformanceCase[] = [
  closing.extension(1, 'ends stdin after what was written', async (t) => {
    const { wire, process } = await cat(t);
    wire.request('process/write', { processId: 'p', chunk: 'QQ==', writeId: 'w' });
    expectEqual('the answer', await wire.call(processCloseStdin, p), { status: 'accepted' });
    const { stdout, exitCode } = await process.untilClosed();
    expectEqual('output and exit code', [utf8Decode(stdout), exitCode], ['A', 0]);
  }),
  closing.extension(2, 'closed before, or never open: stdinClosed', async (t) => {
    const wire = await t.harness();
    await t.start(wire, { script: 'sleep 5' });
    expectEqual('the answer', await wire.call(processCloseStdin, p), { status: 'stdinClosed' });
  }),
  closing.extension(3, 'a write after it: stdinClosed', async (t) => {
    const wire = await t.harness();
    await t.start(wire, { script: 'sleep 5', pipeStdin: true });
    await wire.call(processCloseStdin, p);
    const answer = await wire.ask('process/write', { processId: 'p', chunk: 'QQ==', writeId: 'w' });
    expectEqual('the answer', answer.result, { status: 'stdinClosed' });
    expectEqual('closing again', await wire.call(processCloseStdin, p), { status: 'stdinClosed' });
  }),
  closing.extension(4, 'an unknown process: unknownProcess', async (t) => {
    expectEqual('the answer', await (await t.harness()).call(processCloseStdin, p), { status: 'unknownProcess' });
  }),
  closing.extension(5, 'on a terminal it types end of file', async (t) => {
    const wire = await t.harness();
    const process = await t.start(wire, { script: 'echo ready; cat; echo end', tty: true });
    await process.untilText('ready');
    expectEqual('the answer', await wire.call(processCloseStdin, p), { status: 'accepted' });
    await process.untilText('end');
  }),

  resizing.extension(1, 'sets the size and tells the program', async (t) => {
    const wire = await t.harness();
    const script = 'trap "stty size; exit 0" WINCH; echo ready; while :; do sleep 0.05; done';
    const process = await t.start(wire, { script, tty: true });
    await process.untilText('ready');
    expectEqual('the answer', await wire.call(processResize, { ...p, rows: 40, cols: 132 }), { status: 'accepted' });
    await process.untilText('40 132');
  }),
  resizing.extension(2, 'a piped process: notTty', async (t) => {
    const { wire } = await cat(t);
    expectEqual('the answer', await wire.call(processResize, { ...p, rows: 40, cols: 132 }), { status: 'notTty' });
  }),
  resizing.extension(3, 'an exited process: exited; an unknown one: unknownProcess', async (t) => {
    const wire = await t.harness();
    await (await t.start(wire, { tty: true })).untilClosed();
    expectEqual('exited', await wire.call(processResize, { ...p, rows: 4, cols: 4 }), { status: 'exited' });
    const unknown = await wire.call(processResize, { processId: 'nobody', rows: 4, cols: 4 });
    expectEqual('unknown', unknown, { status: 'unknownProcess' });
  }),
  resizing.extension(4, 'rows and cols are 1 to 65535: else -32602', async (t) => {
    const wire = await t.harness();
    await t.start(wire, { script: 'sleep 5', tty: true });
    for (const size of [{ rows: 0, cols: 80 }, { rows: 24, cols: 65_536 }, { rows: 1.5, cols: 80 }, { rows: 24 }]) {
      await wire.refuse('process/resize', { ...p, ...size }, -32602);
    }
  }),

  waiting.extension(1, 'waits for closed unless told otherwise', async (t) => {
    const wire = await t.harness();
    await t.start(wire, { script: '(sleep 0.2) & exit 3' });
    const end = await wire.call(processWait, p);
    expectEqual('the end', end, { exited: true, exitCode: 3, closed: true, timedOut: false });
  }),
  waiting.extension(2, 'until exited does not wait for closed', async (t) => {
    const wire = await t.harness();
    await t.start(wire, { script: 'sleep 5 & exit 3' });
    const { exited, exitCode, timedOut } = await wire.call(processWait, { ...p, until: 'exited' });
    expectEqual('the end', { exited, exitCode, timedOut }, { exited: true, exitCode: 3, timedOut: false });
  }),
  waiting.extension(3, 'waitMs ends it with timedOut', async (t) => {
    const { wire } = await cat(t);
    const end = await wire.call(processWait, { ...p, waitMs: 50 });
    expectEqual('the end', end, { exited: false, exitCode: null, closed: false, timedOut: true });
  }),
  waiting.extension(4, 'holds up nothing behind it', async (t) => {
    const { wire } = await cat(t);
    const id = wire.request('process/wait', p);
    expectEqual('terminate', await wire.call(processTerminate, p), { running: true });
    expectThat((await wire.answer(id)).error === undefined, 'a result', 'an error');
  }),
  waiting.extension(5, 'an unknown process is -32600', async (t) => {
    await (await t.harness()).refuse('process/wait', p, -32600);
  }),

  snapshots.extension(1, 'gives all retained output by stream', async (t) => {
    const wire = await t.harness();
    const process = await t.start(wire, { script: 'echo out; echo err >&2; exit 4' });
    await process.untilClosed();
    const snapshot = await wire.call(processSnapshot, p);
    const text = (member: 'stdout' | 'stderr' | 'terminal') => utf8Decode(bytesOf(snapshot[member]));
    expectEqual('the streams', [text('stdout'), text('stderr'), text('terminal')], ['out\n', 'err\n', '']);
    const { exitCode, running, truncated, droppedBytes } = snapshot;
    expectEqual(
      'the rest',
      { exitCode, running, truncated, droppedBytes },
      { exitCode: 4, running: false, truncated: false, droppedBytes: 0 },
    );
  }),
  snapshots.extension(2, 'a terminal fills terminal', async (t) => {
    const wire = await t.harness();
    await (await t.start(wire, { script: 'echo out', tty: true })).untilClosed();
    expectEqual('terminal', utf8Decode(bytesOf((await wire.call(processSnapshot, p)).terminal)), 'out\r\n');
  }),
  snapshots.extension(3, 'maxBytes keeps head and tail and says what is missing', async (t) => {
    const wire = await t.harness();
    await (await t.start(wire, { script: 'printf 0123456789' })).untilClosed();
    const { stdout, truncated, droppedBytes } = await wire.call(processSnapshot, { ...p, maxBytes: 4 });
    expectEqual(
      'the snapshot',
      { stdout: utf8Decode(bytesOf(stdout)), truncated, droppedBytes },
      { stdout: '0189', truncated: true, droppedBytes: 6 },
    );
  }),
  snapshots.extension(4, 'an unknown process is -32600', async (t) => {
    await (await t.harness()).refuse('process/snapshot', p, -32600);
  }),

  io.extension(1, 'a terminal of the size that was asked for', async (t) => {
    const wire = await t.harness();
    await wire.call(processStart, {
      ...ioParams(t, 'stty size', { type: 'pty', rows: 30, cols: 100 }),
      processId: 'p',
    });
    const process = t.watch(wire, 'p');
    await process.untilClosed();
    expectEqual('stty size', process.text().trim(), '30 100');
  }),
  io.extension(2, 'pipes with stdin open or closed', async (t) => {
    const wire = await t.harness();
    await wire.call(processStart, {
      ...ioParams(t, 'cat; echo end', { type: 'pipe', stdin: 'closed' }),
      processId: 'p',
    });
    await t.watch(wire, 'p').untilText('end');
    await wire.call(processStart, {
      ...ioParams(t, 'read line; echo "got $line"', { type: 'pipe', stdin: 'open' }),
      processId: 'q',
    });
    await wire.ask('process/write', { processId: 'q', chunk: 'QQo=', writeId: 'w' });
    await t.watch(wire, 'q').untilText('got A');
  }),
  io.extension(3, 'tty that contradicts io is -32602', async (t) => {
    const params = { ...ioParams(t, 'exit 0', { type: 'pty', rows: 30, cols: 100 }), tty: false };
    await (await t.harness()).refuse('process/start', params, -32602);
  }),

  kind.extension(1, 'prepared starts exactly request', async (t) => {
    const wire = await t.harness();
    const request = { argv: ['/usr/bin/env'], cwd: t.path('/'), env: { A: '1' }, arg0: null };
    await wire.call(processStart, { processId: 'p', kind: 'prepared', request, io: { type: 'pipe', stdin: 'closed' } });
    const process = t.watch(wire, 'p');
    await process.untilClosed();
    expectEqual('the output', process.text(), 'A=1\n');
  }),
  kind.extension(2, 'prepared without request, or with envPolicy, is -32602', async (t) => {
    const wire = await t.harness();
    const base = { processId: 'p', kind: 'prepared', io: { type: 'pipe', stdin: 'closed' } };
    await wire.refuse('process/start', base, -32602);
    const request = { argv: ['/usr/bin/env'], cwd: t.path('/'), env: {} };
    const envPolicy = { inherit: 'none', ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] };
    await wire.refuse('process/start', { ...base, request, envPolicy }, -32602);
  }),

  modes.extension(1, 'graceful sends SIGTERM first', async (t) => {
    const wire = await t.harness();
    const script = 'trap "echo bye; exit 9" TERM; echo ready; while :; do sleep 0.05; done';
    const process = await t.start(wire, { script });
    await process.untilText('ready');
    await wire.call(processTerminate, { ...p, mode: { type: 'graceful', timeoutMs: 10_000 } });
    expectEqual('the exit code', await process.untilExited(), 9);
  }),
  modes.extension(2, 'graceful ends by force what does not go in time', async (t) => {
    const wire = await t.harness();
    const process = await t.start(wire, { script: 'trap "" TERM; echo ready; while :; do sleep 0.05; done' });
    await process.untilText('ready');
    await wire.call(processTerminate, { ...p, mode: { type: 'graceful', timeoutMs: 100 } });
    expectEqual('the exit code', await process.untilExited(), 137);
  }),
  modes.extension(3, 'force ends what is left of the group of an exited process', async (t) => {
    const wire = await t.harness();
    const process = await t.start(wire, { script: 'sleep 20 & echo ready; exit 0' });
    await process.untilExited();
    const answer = await wire.call(processTerminate, { ...p, mode: { type: 'force' } });
    expectEqual('the answer', answer, { running: false });
    await process.untilClosed();
  }),
  modes.extension(4, 'an unknown mode is -32602', async (t) => {
    await (await t.harness()).refuse('process/terminate', { ...p, mode: { type: 'softly' } }, -32602);
  }),

  started.extension(1, 'comes to who asked for it, after the answer to start', async (t) => {
    const wire = await t.harness({ extensions: ['process/started'] });
    await (await t.start(wire, { script: 'echo a' })).untilClosed();
    const methods = wire.received.map(({ envelope }) =>
      envelope.kind === 'notification' ? envelope.method : envelope.kind,
    );
    expectEqual('the messages', methods, [
      'response',
      'response',
      'process/started',
      'process/output',
      'process/exited',
      'process/closed',
    ]);
  }),
];
