// Newline framing on stdin and stdout (docs/protocol.md, "Transports").

import { tryBase64Decode, utf8Decode, utf8Encode } from '../../bytes.ts';
import { initialize } from '../../protocol/initialize.ts';
import { processTerminate } from '../../protocol/process.ts';
import { family, type ConformanceCase } from '../case.ts';
import type { CaseContext } from '../context.ts';
import { isRecord } from '../facts.ts';
import { expectEqual, expectThat } from '../mismatch.ts';
import { RawLines } from '../raw-lines.ts';

const { must, should } = family('STDIO', 'docs/protocol.md, Transports', { needs: ['stdio'] });
/** Byte by byte. */
const raw = { needs: ['stdio', 'bytes'] } as const;

const initializeText = '{"id":1,"method":"initialize","params":{"clientName":"c"}}';

async function shakenHands(t: CaseContext): Promise<RawLines> {
  const program = await RawLines.open(t);
  program.send(`${initializeText}\n`);
  await program.answer(1);
  program.send('{"method":"initialized"}\n');
  return program;
}

export const stdioCases: readonly ConformanceCase[] = [
  must(1, 'blank lines are skipped, a line may end with CR LF', async (t) => {
    const wire = await t.wire();
    wire.send('\n \t \n{"id":1,"method":"initialize","params":{"clientName":"c"}}\r');
    expectThat((await wire.answer(1)).error === undefined, 'a result', undefined);
    expectEqual('the number of messages', wire.received.length, 1);
  }),
  must(2, 'an object over two lines is two malformed messages', async (t) => {
    const wire = await t.wire();
    wire.send('{"id":1,\n"method":"initialize"}');
    await wire.malformed();
    await wire.malformed();
    await wire.call(initialize, { clientName: 'c' });
  }),
  must(3, 'stdout carries the protocol and nothing else', async (t) => {
    const wire = await t.harness();
    await (await t.start(wire, { script: 'echo out; echo err >&2' })).untilClosed();
    await wire.call(processTerminate, { processId: 'none' });
    const foreign = wire.received.filter(({ envelope }) => envelope.kind === 'malformed');
    expectEqual(
      'lines that are no messages',
      foreign.map(({ text }) => text),
      [],
    );
  }),
  must(
    4,
    'a line may come in pieces, and several at once',
    async (t) => {
      const program = await RawLines.open(t);
      for (const char of initializeText) {
        program.send(char);
        await t.sleep(0);
      }
      const terminate = (id: number) => `{"id":${id},"method":"process/terminate","params":{"processId":"n"}}\n`;
      program.send(`\n{"method":"initialized"}\n${terminate(2)}${terminate(3)}`);
      await program.answer(3);
      const ids = program.messages().map(({ id }) => id);
      expectEqual('the ids of the answers', ids, [1, 2, 3]);
    },
    raw,
  ),
  should(
    5,
    'the last line counts without its LF',
    async (t) => {
      const program = await RawLines.open(t);
      program.send(initializeText);
      program.finish();
      expectThat((await program.answer(1))['result'] !== undefined, 'a result', program.lines);
    },
    raw,
  ),
  must(
    6,
    'at the end of stdin the program exits with 0',
    async (t) => {
      const program = await shakenHands(t);
      program.finish();
      expectEqual('the exit code', (await program.ended()).exitCode, 0);
    },
    raw,
  ),
  must(
    7,
    'at the end of stdin its processes are ended',
    async (t) => {
      const program = await shakenHands(t);
      const script = 'echo $$; exec sleep 1000';
      program.send(`${JSON.stringify({ id: 2, method: 'process/start', params: t.startParams({ script }) })}\n`);
      const output = await t.parts.waiting.until('its pid', t.waitMs, () =>
        program.messages().find(({ method }) => method === 'process/output'),
      );
      const { chunk } = isRecord(output['params']) ? output['params'] : {};
      const pid = Number(utf8Decode(tryBase64Decode(String(chunk)) ?? new Uint8Array()));
      expectThat(pid > 1, 'a pid', output);
      program.finish();
      await program.ended();
      const other = await t.harness();
      const untilMs = performance.now() + t.waitMs;
      const state = () => t.sh(other, `kill -0 ${pid} 2>/dev/null && echo alive || true`);
      while ((await state()) !== '' && performance.now() < untilMs) await t.sleep(20);
      expectEqual('the process', await state(), '');
    },
    raw,
  ),
  must(
    8,
    'a line that is no UTF-8 is no message: it ends the connection',
    async (t) => {
      const program = await shakenHands(t);
      program.send(Uint8Array.of(...utf8Encode('{"id":2,"method":"'), 0xc3, 0x28, ...utf8Encode('"}\n')));
      expectEqual('the exit code', (await program.ended()).exitCode, 0);
      expectEqual('the number of answers', program.lines.length, 1);
    },
    raw,
  ),
  should(
    9,
    'a protocol error ends the program',
    async (t) => {
      const program = await shakenHands(t);
      program.send('{"id":1,"result":{}}\n');
      await program.ended();
    },
    raw,
  ),
  should(
    10,
    'a line without end ends the connection: no more than 96 MiB of it are taken',
    async (t) => {
      const program = await shakenHands(t);
      const part = new Uint8Array(1024 * 1024).fill(0x20);
      // Who has enough may also stop reading.
      const untilMs = performance.now() + t.waitMs;
      for (let sent = 0; sent < 96 && !program.end && performance.now() < untilMs; sent++) {
        program.send(part);
        while (program.waitingBytes > part.length && !program.end && performance.now() < untilMs) await t.sleep(1);
      }
      await program.ended();
    },
    { needs: ['stdio', 'bytes', 'slow'] },
  ),
  should(
    11,
    'what is due at the end of stdin is answered',
    async (t) => {
      const program = await shakenHands(t);
      program.send('{"id":2,"method":"process/terminate","params":{"processId":"n"}}\n');
      program.finish();
      await program.answer(2);
    },
    raw,
  ),
];
