// Retained output, process/read and its long poll (docs/protocol.md §4.2, §6; promises 11 and 19).
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { asArray, asObject, fromBase64, type JsonObject } from '../helpers/json.ts';
import { tryStat } from '../helpers/proc.ts';
import { startServer, useServer } from '../helpers/server.ts';
import { timed, until, within } from '../helpers/until.ts';
import type { WireClient } from '../helpers/wire-client.ts';

const MiB = 1024 * 1024;

const server = useServer();

interface Chunk {
  readonly seq: number;
  readonly bytes: Buffer;
}

function chunksOf(result: JsonObject): Chunk[] {
  return asArray(result['chunks']).map((chunk) => {
    const { seq, chunk: data } = asObject(chunk);
    return { seq: Number(seq), bytes: fromBase64(data) };
  });
}

function bytesOf(chunks: readonly Chunk[]): Buffer {
  return Buffer.concat(chunks.map((chunk) => chunk.bytes));
}

async function readAll(client: WireClient, processId: string): Promise<Chunk[]> {
  return chunksOf(await client.call('process/read', { processId }));
}

describe('retained output', () => {
  it('is the newest 1 MiB in whole chunks, while live notifications miss nothing', async () => {
    const text = execFileSync('seq', ['1200000'], { maxBuffer: 16 * MiB });
    const client = await server.current.connect();
    const view = await client.run(['seq', '1200000'], {}, 20_000);
    expect(view.bytes().equals(text)).toBe(true);
    const chunks = await readAll(client, view.processId);
    const kept = bytesOf(chunks);
    expect(kept.length).toBeLessThanOrEqual(MiB);
    // What was dropped to make room is at most one chunk more than was needed, and a chunk is at most 1 MiB.
    expect(kept.length).toBeGreaterThan(MiB / 4);
    expect(text.subarray(text.length - kept.length).equals(kept)).toBe(true);
    const first = chunks[0]?.seq ?? 0;
    expect(chunks.map((chunk) => chunk.seq)).toEqual(chunks.map((_chunk, index) => first + index));
    expect(view.seqs).toContain(first);
  });

  it('is as much as --retained-output-bytes says', async () => {
    const own = await startServer({ args: ['--retained-output-bytes', '65536'] });
    const client = await own.connect();
    const view = await client.run(['seq', '100000']);
    const kept = bytesOf(await readAll(client, view.processId));
    expect(kept.length).toBeLessThanOrEqual(65_536);
    expect(view.bytes().subarray(-kept.length).equals(kept)).toBe(true);
  });

  it('is the same bytes as the notifications, chunk by chunk', async () => {
    const client = await server.current.connect();
    const view = await client.run(['sh', '-c', 'for i in 1 2 3 4; do echo $i; sleep 0.02; echo e$i >&2; done']);
    const chunks = asArray((await client.call('process/read', { processId: view.processId }))['chunks']);
    const pushed = client.messages
      .filter((message) => message['method'] === 'process/output')
      .map((message) => {
        const { seq, stream, chunk } = asObject(message['params']);
        return { seq, stream, chunk };
      });
    expect(chunks).toEqual(pushed);
  });

  it('is read on by afterSeq and maxBytes without a gap, whatever the sizes', async () => {
    const client = await server.current.connect();
    const view = await client.run(['seq', '60000']);
    for (const maxBytes of [0, 1, 5_000, 100_000, null]) {
      const parts: Buffer[] = [];
      let afterSeq = 0;
      for (;;) {
        const result = await client.call('process/read', { processId: view.processId, afterSeq, maxBytes });
        const chunks = chunksOf(result);
        if (chunks.length === 0) break;
        parts.push(bytesOf(chunks));
        afterSeq = chunks.at(-1)?.seq ?? afterSeq;
        expect(Number(result['nextSeq'])).toBeGreaterThan(afterSeq);
      }
      expect(Buffer.concat(parts).equals(view.bytes())).toBe(true);
    }
  });

  it('counts the end in nextSeq when all is answered: CLI 0.169, back after a lost connection, takes nextSeq - 1 for the seq of closed', async () => {
    const client = await server.current.connect();
    const { processId } = await client.run(['echo', 'x']);
    const read = (maxBytes: number | null) => client.call('process/read', { processId, maxBytes });
    expect(await read(null)).toMatchObject({ chunks: [{ seq: 1 }], nextSeq: 4, exited: true, closed: true });
    expect(await read(1_000)).toMatchObject({ chunks: [{ seq: 1 }], nextSeq: 2, exited: true, closed: true });
  });

  it('of a closed process is forgotten with it', async () => {
    const own = await startServer({ args: ['--closed-process-retention-ms', '150'] });
    const client = await own.connect();
    const view = await client.run(['echo', 'x']);
    await until('the process to be unknown', async () => {
      const { error } = await client.request('process/read', { processId: view.processId });
      if (error) expect(error).toEqual({ code: -32600, message: `unknown process id ${view.processId}` });
      return error;
    });
    expect(await client.terminate(view.processId)).toBe(false);
    expect(await client.write(view.processId, 'x')).toBe('unknownProcess');
  });
});

describe('a waiting read', () => {
  it('comes back as soon as there is output, exit or closed', async () => {
    const client = await server.current.connect();
    const view = await client.start({ argv: ['cat'], pipeStdin: true });
    const read = (afterSeq: number): Promise<JsonObject> =>
      client.call('process/read', { processId: view.processId, afterSeq, waitMs: 20_000 }, 25_000);
    const first = timed(() => read(0));
    await client.write(view.processId, 'a');
    const { value, tookMs } = await first;
    expect(bytesOf(chunksOf(value)).toString()).toBe('a');
    expect(tookMs).toBeLessThan(2_000);
    const second = timed(() => read(1));
    await client.terminate(view.processId);
    const ended = await second;
    expect(ended.value).toMatchObject({ chunks: [], exited: true, exitCode: 137 });
    expect(ended.tookMs).toBeLessThan(2_000);
    await within('closed', 5_000, view.closed);
    const third = await timed(() => read(99));
    expect(third.value).toMatchObject({ chunks: [], exited: true, closed: true });
    expect(third.tookMs).toBeLessThan(1_000);
  });

  it('waits as long as waitMs says when nothing comes, also when that is more than a timer takes', async () => {
    const client = await server.current.connect();
    const view = await client.start({ argv: ['cat'], pipeStdin: true });
    const short = await timed(() => client.call('process/read', { processId: view.processId, waitMs: 250 }));
    expect(short.value).toMatchObject({ chunks: [], exited: false, exitCode: null, closed: false, failure: null });
    expect(short.tookMs).toBeGreaterThan(240);
    const answers: number[] = [];
    for (const waitMs of [2 ** 31, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER]) {
      void client
        .request('process/read', { processId: view.processId, waitMs }, { withinMs: 30_000 })
        .then(() => answers.push(waitMs));
    }
    // A request behind them that takes its time: had a timer overflowed, its read would be answered by then.
    await client.call('process/read', { processId: view.processId, afterSeq: 0, waitMs: 300 });
    expect(answers).toEqual([]);
    await client.write(view.processId, 'x');
    await until('the reads to come back', () => answers.length === 3);
  });

  it('holds up nothing behind it on its connection', async () => {
    const client = await server.current.connect();
    const view = await client.start({ argv: ['cat'], pipeStdin: true });
    const waiting = client.request('process/read', { processId: view.processId, waitMs: 3_000 });
    const { tookMs } = await timed(async () => {
      for (let index = 0; index < 20; index++) await client.terminate('none');
    });
    expect(tookMs, '20 requests beside a long poll, ms').toBeLessThan(1_000);
    await client.terminate(view.processId);
    expect((await waiting).result).toMatchObject({ exited: true });
  });

  it('is refused for an unknown process, and bad numbers are -32602', async () => {
    const client = await server.current.connect();
    const unknown = await client.request('process/read', { processId: 'nobody', waitMs: 5_000 });
    expect(unknown.error).toEqual({ code: -32600, message: 'unknown process id nobody' });
    for (const bad of [{ waitMs: -1 }, { waitMs: 0.5 }, { waitMs: '1' }, { afterSeq: -1 }, { maxBytes: 1.5 }]) {
      const answer = await client.request('process/read', { processId: 'nobody', ...bad });
      expect(answer.error?.code).toBe(-32602);
    }
    const huge = await client.request('process/read', { processId: 'nobody', afterSeq: 2 ** 64, maxBytes: 2 ** 64 });
    expect(huge.error?.code).toBe(-32600);
  });

  it('costs next to nothing: 3,000 of them leave the server idle, and all come back at the end', async () => {
    const own = await startServer();
    const client = await own.connect();
    const view = await client.start({ argv: ['cat'], pipeStdin: true });
    const reads = Array.from({ length: 3_000 }, () =>
      client.request('process/read', { processId: view.processId, waitMs: 60_000 }, { withinMs: 60_000 }),
    );
    await client.terminate('none');
    const before = tryStat(own.pid)?.cpuMs ?? 0;
    const { tookMs } = await timed(() => client.call('process/wait', { processId: view.processId, waitMs: 1_500 }));
    // The figure is 2 %; a tick of /proc is 10 ms, so ask for less than 10 %.
    expect(((tryStat(own.pid)?.cpuMs ?? 0) - before) / tookMs).toBeLessThan(0.1);
    await client.terminate(view.processId);
    const answers = await Promise.all(reads);
    expect(answers.every((answer) => asObject(answer.result)['exited'] === true)).toBe(true);
  });
});
