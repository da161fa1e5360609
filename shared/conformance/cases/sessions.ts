// Sessions: what is whose, what survives a lost connection, how it is taken over (docs/protocol.md, "Handshake and sessions").

import { initialize } from '../../protocol/initialize.ts';
import { fsOpen } from '../../protocol/fs.ts';
import { processRead, processTerminate, processWrite } from '../../protocol/process.ts';
import { base64Encode, utf8Encode } from '../../bytes.ts';
import { family, type ConformanceCase } from '../case.ts';
import type { CaseContext } from '../context.ts';
import { expectEqual, expectThat } from '../mismatch.ts';
import { resultOf, type Wire } from '../wire.ts';
import { readAll, readText } from './reading.ts';

const { must, should } = family('EXEC-SESSION', 'docs/protocol.md, Handshake and sessions', { needs: ['sessions'] });
const enter = base64Encode(utf8Encode('go\n'));
/** Waits for a line on stdin, says `before`, then `after` and ends with 5. */
const waiting = { script: 'echo before; read line; echo after; exit 5', pipeStdin: true };

/** Ends the connection and takes its session over on a new one. */
async function comeBack(t: CaseContext, wire: Wire): Promise<Wire> {
  wire.close();
  await wire.ended();
  return resume(t, wire.sessionId);
}

/** The server may need a moment to notice that the old connection has ended. */
async function resume(t: CaseContext, sessionId: string): Promise<Wire> {
  const wire = await t.wire();
  for (let tries = 0; ; tries++) {
    const answer = await wire.ask('initialize', { clientName: 'conformance', resumeSessionId: sessionId });
    const isAttached = answer.error?.message.includes('attached') === true && tries < 50;
    if (!isAttached) {
      expectEqual('the answer to a resume', resultOf(initialize, answer).sessionId, sessionId);
      break;
    }
    await t.sleep(20);
  }
  wire.sessionId = sessionId;
  wire.notify('initialized', {});
  return wire;
}

export const sessionCases: readonly ConformanceCase[] = [
  must(1, 'each connection gets a session of its own', async (t) => {
    const [one, other] = [await t.harness(), await t.harness()];
    expectThat(one.sessionId !== other.sessionId, 'two ids', one.sessionId);
  }),
  must(2, 'processes of one session are unknown in another', async (t) => {
    const [one, other] = [await t.harness(), await t.harness()];
    await t.start(one, waiting);
    await other.refuse('process/read', { processId: 'p' }, -32600);
    expectEqual('terminate from elsewhere', await other.call(processTerminate, { processId: 'p' }), { running: false });
    expectEqual('terminate by its owner', await one.call(processTerminate, { processId: 'p' }), { running: true });
  }),
  must(3, 'two sessions may use the same processId', async (t) => {
    const [one, other] = [await t.harness(), await t.harness()];
    const first = await t.start(one, { script: 'echo one' });
    const second = await t.start(other, { script: 'echo other' });
    await first.untilClosed();
    await second.untilClosed();
    expectEqual('the outputs', [first.text(), second.text()], ['one\n', 'other\n']);
  }),
  must(4, 'a session is resumed by its id, and keeps it', async (t) => {
    const again = await comeBack(t, await t.harness());
    await again.call(processTerminate, { processId: 'none' });
  }),
  must(5, 'a process runs on while its session is detached', async (t) => {
    const wire = await t.harness();
    await (await t.start(wire, waiting)).untilText('before');
    const again = await comeBack(t, wire);
    const process = t.watch(again, 'p');
    await again.call(processWrite, { processId: 'p', chunk: enter, writeId: 'w' });
    expectEqual('the exit code', await process.untilExited(), 5);
  }),
  must(6, 'notifications go to the connection that has resumed', async (t) => {
    const wire = await t.harness();
    await (await t.start(wire, waiting)).untilText('before');
    const again = await comeBack(t, wire);
    const process = t.watch(again, 'p');
    await again.call(processWrite, { processId: 'p', chunk: enter, writeId: 'w' });
    await process.untilText('after');
  }),
  must(7, 'what was written while detached is read afterwards', async (t) => {
    const wire = await t.harness();
    await (await t.start(wire, { script: 'echo before; sleep 0.2; echo meanwhile; exit 4' })).untilText('before');
    const again = await comeBack(t, wire);
    const { text, exitCode } = await readAll(again, 'p');
    expectEqual('the output and the exit code', [text, exitCode], ['before\nmeanwhile\n', 4]);
  }),
  must(8, 'seq goes on over a resume without a hole', async (t) => {
    const wire = await t.harness();
    const script = 'echo before; read line; echo after; read line';
    await (await t.start(wire, { script, pipeStdin: true })).untilText('before');
    const again = await comeBack(t, wire);
    const process = t.watch(again, 'p');
    await again.call(processWrite, { processId: 'p', chunk: enter, writeId: 'w' });
    await process.untilText('after');
    const { chunks } = await again.call(processRead, { processId: 'p' });
    expectEqual(
      'the seqs of the output',
      chunks.map(({ seq }) => seq),
      [1, 2],
    );
  }),
  must(9, 'initialized is needed again after a resume', async (t) => {
    const wire = await t.harness();
    wire.close();
    await wire.ended();
    await t.sleep(50);
    const again = await t.wire();
    await again.call(initialize, { clientName: 'c', resumeSessionId: wire.sessionId });
    await again.refuse('process/terminate', { processId: 'p' }, -32600);
  }),
  must(10, 'an unknown session is -32600', async (t) => {
    const resumeSessionId = '00000000-0000-4000-8000-000000000000';
    const error = await (await t.wire()).refuse('initialize', { clientName: 'c', resumeSessionId }, -32600);
    expectEqual('the message', error.message, `unknown session id ${resumeSessionId}`);
  }),
  must(11, 'a session that a live connection holds cannot be resumed', async (t) => {
    const holder = await t.harness();
    await (await t.wire()).refuse('initialize', { clientName: 'c', resumeSessionId: holder.sessionId });
    await holder.call(processTerminate, { processId: 'none' });
  }),
  should(12, 'the code for a session that is attached elsewhere is -32010', async (t) => {
    const holder = await t.harness();
    await (await t.wire()).refuse('initialize', { clientName: 'c', resumeSessionId: holder.sessionId }, -32010);
  }),
  must(13, 'after a refused resume a new session may be asked for on the same connection', async (t) => {
    const wire = await t.wire();
    const resumeSessionId = '00000000-0000-4000-8000-000000000000';
    await wire.refuse('initialize', { clientName: 'c', resumeSessionId }, -32600);
    await t.shakeHands(wire);
    await wire.call(processTerminate, { processId: 'none' });
  }),
  must(14, 'a protocol error detaches the session and ends no process', async (t) => {
    const wire = await t.harness();
    await (await t.start(wire, waiting)).untilText('before');
    wire.send('{"id":1,"result":{}}');
    await wire.ended();
    const again = await resume(t, wire.sessionId);
    expectEqual('terminate', await again.call(processTerminate, { processId: 'p' }), { running: true });
  }),
  must(15, 'a waiting read does not hold the session of a lost connection', async (t) => {
    const wire = await t.harness();
    await t.start(wire, { script: 'read line', pipeStdin: true });
    wire.request('process/read', { processId: 'p', waitMs: 60_000 });
    await comeBack(t, wire);
  }),
  must(16, 'a session may be resumed again and again', async (t) => {
    let wire = await t.harness();
    await (await t.start(wire, waiting)).untilText('before');
    for (let count = 0; count < 3; count++) wire = await comeBack(t, wire);
    expectThat((await readText(wire, 'p')).includes('before'), 'the output from before', '');
  }),
  must(17, 'a process that closed meanwhile is still readable: exit code and closed', async (t) => {
    const wire = await t.harness();
    await (await t.start(wire, { script: 'exit 9' })).untilClosed();
    const again = await comeBack(t, wire);
    const { exited, exitCode, closed } = await again.call(processRead, { processId: 'p' });
    expectEqual('the state', { exited, exitCode, closed }, { exited: true, exitCode: 9, closed: true });
  }),
  must(
    18,
    'file handles end with their connection',
    async (t) => {
      const wire = await t.harness();
      const path = t.path(await t.file(wire, 'f', 'x'));
      await wire.call(fsOpen, { handleId: 'h', path });
      const again = await comeBack(t, wire);
      await again.refuse('fs/readBlock', { handleId: 'h', offset: 0, len: 1 }, -32004);
    },
    { dialects: ['0.169'], needs: ['sessions'] },
  ),
  must(
    19,
    'a detached session ends in its time, and its processes with it',
    async (t) => {
      const wire = await t.harness();
      const directory = await t.scratch(wire);
      const script = `while :; do date > ${directory}/alive; sleep 0.1; done`;
      await t.start(wire, { script });
      wire.close();
      await wire.ended();
      const other = await t.harness();
      const readAlive = () => other.ask('fs/getMetadata', { path: t.path(`${directory}/alive`) });
      // No connection may resume it, since that would give it time anew: its process tells.
      for (let last = '', same = 0; same < 8;) {
        await t.sleep(500);
        const now = JSON.stringify((await readAlive()).result);
        same = now === last ? same + 1 : 0;
        last = now;
      }
      await (await t.wire()).refuse('initialize', { clientName: 'c', resumeSessionId: wire.sessionId }, -32600);
    },
    { needs: ['sessions', 'slow'], timeoutMs: 150_000 },
  ),
];
