// process/terminate and process/signal: what ends, what is answered (docs/protocol.md, "process/terminate, process/signal").

import { processSignal, processTerminate } from '../../protocol/process.ts';
import { family, type ConformanceCase } from '../case.ts';
import type { CaseContext } from '../context.ts';
import { expectEqual, expectThat } from '../mismatch.ts';

const { must, should } = family('EXEC-TERMINATE', 'docs/protocol.md, process/terminate, process/signal');
const p = { processId: 'p' };

/** Starts a script and waits until it says `ready`. */
async function ready(t: CaseContext, script: string, tty = false) {
  const wire = await t.harness();
  const process = await t.start(wire, { script: script, tty });
  await process.untilText('ready');
  return { wire, process };
}

export const terminateCases: readonly ConformanceCase[] = [
  must(1, 'a running process: running true, and it ends', async (t) => {
    const { wire, process } = await ready(t, 'echo ready; sleep 30');
    expectEqual('the answer', await wire.call(processTerminate, p), { running: true });
    await process.untilClosed();
  }),
  must(2, 'an unknown process: running false', async (t) => {
    expectEqual('the answer', await (await t.harness()).call(processTerminate, p), { running: false });
  }),
  must(3, 'an exited process: running false', async (t) => {
    const wire = await t.harness();
    await (await t.start(wire, { script: 'exit 0' })).untilClosed();
    expectEqual('the answer', await wire.call(processTerminate, p), { running: false });
  }),
  must(4, 'terminating twice is fine', async (t) => {
    const { wire, process } = await ready(t, 'echo ready; sleep 30');
    await wire.call(processTerminate, p);
    await wire.call(processTerminate, p);
    const { events } = await process.untilClosed();
    expectEqual('exited', events.filter(({ kind }) => kind === 'exited').length, 1);
  }),
  must(5, 'a missing processId is -32602', async (t) => {
    await (await t.harness()).refuse('process/terminate', {}, -32602);
  }),
  must(6, 'it is at once and without traps', async (t) => {
    const { wire, process } = await ready(
      t,
      'trap "echo trapped" TERM INT HUP EXIT; echo ready; while :; do sleep 0.05; done',
    );
    await wire.call(processTerminate, p);
    await process.untilClosed();
    expectThat(!process.text().includes('trapped'), 'no trap to run', process.text());
  }),
  must(7, 'the whole process group ends', async (t) => {
    const wire = await t.harness();
    const directory = await t.scratch(wire);
    const script = `(echo $$; while :; do date +%s%N > ${directory}/alive; sleep 0.02; done) & echo ready; wait`;
    const process = await t.start(wire, { script });
    await process.untilText('ready');
    await t.sleep(100);
    await wire.call(processTerminate, p);
    await process.untilClosed();
    await t.sleep(50);
    const before = await t.sh(wire, `cat ${directory}/alive`);
    await t.sleep(150);
    expectEqual('what a member of the group writes', await t.sh(wire, `cat ${directory}/alive`), before);
  }),
  must(8, 'on a terminal it ends too', async (t) => {
    const { wire, process } = await ready(t, 'echo ready; sleep 30', true);
    expectEqual('the answer', await wire.call(processTerminate, p), { running: true });
    await process.untilClosed();
  }),
  must(9, 'output from before is not lost', async (t) => {
    const { wire, process } = await ready(t, 'echo ready; sleep 30');
    await wire.call(processTerminate, p);
    await process.untilClosed();
    expectEqual('the output', process.text(), 'ready\n');
  }),
  should(10, 'a terminated process exits with 137', async (t) => {
    const { wire, process } = await ready(t, 'echo ready; sleep 30');
    await wire.call(processTerminate, p);
    expectEqual('the exit code', (await process.untilClosed()).exitCode, 137);
  }),
  should(11, 'a terminated process exits with 137 on a terminal too', async (t) => {
    const { wire, process } = await ready(t, 'echo ready; sleep 30', true);
    await wire.call(processTerminate, p);
    expectEqual('the exit code', (await process.untilClosed()).exitCode, 137);
  }),
  must(12, 'a survivor that holds the pipe does not delay closed', async (t) => {
    const { wire, process } = await ready(t, 'setsid sleep 3 & echo ready; sleep 30');
    const startedAt = performance.now();
    await wire.call(processTerminate, p);
    await process.untilClosed();
    expectThat(performance.now() - startedAt < 2000, 'closed at once', 'closed after 2 s and more');
  }),
  must(13, 'another process of the session is left alone', async (t) => {
    const { wire } = await ready(t, 'echo ready; sleep 30');
    const other = await t.start(wire, { processId: 'other', script: 'sleep 0.2; exit 3' });
    await wire.call(processTerminate, p);
    expectEqual('the exit code', await other.untilExited(), 3);
  }),
];

const signals = family('EXEC-SIGNAL', 'docs/protocol.md, process/terminate, process/signal', { dialects: ['0.169'] });
const interrupt = { processId: 'p', signal: 'interrupt' } as const;

export const signalCases: readonly ConformanceCase[] = [
  signals.must(1, 'interrupt reaches a piped process', async (t) => {
    const { wire, process } = await ready(t, 'trap "exit 9" INT; echo ready; while :; do sleep 0.05; done');
    expectEqual('the answer', await wire.call(processSignal, interrupt), {});
    expectEqual('the exit code', await process.untilExited(), 9);
  }),
  signals.must(2, 'interrupt reaches a process on a terminal', async (t) => {
    const { wire, process } = await ready(t, 'trap "exit 9" INT; echo ready; while :; do sleep 0.05; done', true);
    await wire.call(processSignal, interrupt);
    expectEqual('the exit code', await process.untilExited(), 9);
  }),
  signals.must(3, 'interrupt reaches the whole group', async (t) => {
    const { wire, process } = await ready(
      t,
      'trap "echo parent" INT; sh -c "trap \'echo child; exit\' INT; echo ready; while :; do sleep 0.05; done"; echo end',
    );
    await wire.call(processSignal, interrupt);
    await process.untilClosed();
    expectThat(/child/.test(process.text()) && /parent/.test(process.text()), 'parent and child', process.text());
  }),
  signals.must(4, 'an unknown process: {}', async (t) => {
    expectEqual('the answer', await (await t.harness()).call(processSignal, interrupt), {});
  }),
  signals.must(5, 'an ended process: {}', async (t) => {
    const wire = await t.harness();
    await (await t.start(wire, { script: 'exit 0' })).untilClosed();
    expectEqual('the answer', await wire.call(processSignal, interrupt), {});
  }),
  signals.must(6, 'any other signal is -32602', async (t) => {
    const wire = await t.harness();
    for (const signal of ['kill', 'SIGINT', 2, null]) await wire.refuse('process/signal', { ...p, signal }, -32602);
  }),
];
