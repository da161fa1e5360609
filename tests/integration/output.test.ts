// What a process writes arrives whole, in order, before it is reported closed (docs/protocol.md §5, §6; promises 12 and 13).
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { useServer } from '../helpers/server.ts';
import { within } from '../helpers/until.ts';
import type { ProcessView } from '../helpers/wire-client.ts';

const server = useServer();

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'output-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const kinds = [
  { kind: 'pipe', tty: false },
  { kind: 'pty', tty: true },
];

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Runs `count` processes, `width` at a time. */
async function inParallel<T>(count: number, width: number, run: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) results.push(await run(next++));
  };
  await Promise.all(Array.from({ length: width }, lane));
  return results;
}

describe.each(kinds)('by $kind', ({ tty }) => {
  /** What a terminal makes of line ends. */
  const onWire = (text: string): string => (tty ? text.replaceAll('\n', '\r\n') : text);

  it('200 of 200 processes that write 58 KB and exit at once arrive whole', async () => {
    const wanted = sha256(Buffer.from(onWire(execFileSync('seq', ['12000']).toString())));
    const client = await server.current.connect();
    const views = await inParallel(200, 8, () => client.run(['seq', '12000'], { tty }, 30_000));
    expect(views.filter((view) => view.sha256() !== wanted).map((view) => view.byteCount())).toEqual([]);
    expect(views.every((view) => view.exitCode === 0)).toBe(true);
  });

  it('200 of 200 processes that write a few bytes and exit at once arrive whole', async () => {
    const client = await server.current.connect();
    const views = await inParallel(200, 8, (index) => client.run(['echo', `line ${String(index)}`], { tty }, 30_000));
    const texts = new Set(views.map((view) => view.text()));
    expect(texts).toEqual(new Set(Array.from({ length: 200 }, (_value, index) => onWire(`line ${String(index)}\n`))));
  });

  it.each([1, 4_095, 4_096, 4_097, 10_000, 65_536, 65_537])('keeps the last byte of %i', async (size) => {
    const client = await server.current.connect();
    const text = 'x'.repeat(size - 1) + '!';
    await writeFile(join(folder, `size-${String(size)}`), text);
    for (let round = 0; round < 5; round++) {
      const view = await client.run(['cat', join(folder, `size-${String(size)}`)], { tty });
      expect(view.text()).toBe(text);
    }
  });

  it('bytes that are no text arrive as they are', async () => {
    const bytes = Buffer.concat([
      Buffer.from(Array.from({ length: 256 }, (_value, byte) => byte)),
      randomBytes(300_000),
    ]);
    await writeFile(join(folder, 'bytes'), bytes);
    const client = await server.current.connect();
    const script = tty ? 'stty raw; exec cat "$0"' : 'exec cat "$0"';
    const view = await client.run(['/bin/sh', '-c', script, join(folder, 'bytes')], { tty });
    expect(view.sha256()).toBe(sha256(bytes));
  });

  it('exited comes after all that the child wrote, closed is last, and seq has no hole', async () => {
    const client = await server.current.connect();
    const views = await inParallel(50, 4, () => client.run(['seq', '20000'], { tty }, 30_000));
    const last = (view: ProcessView): number => view.seqs.length;
    for (const view of views) {
      expect(view.seqs).toEqual(Array.from({ length: last(view) }, (_value, index) => index + 1));
      const exited = client.messages.find((message) => {
        const params = message['params'];
        return (
          message['method'] === 'process/exited' && JSON.stringify(params).includes(`"processId":"${view.processId}"`)
        );
      });
      expect(JSON.stringify(exited)).toContain(`"seq":${String(last(view) - 1)}`);
    }
  });
});

describe('streams', () => {
  it('stdout and stderr are told apart and come in the order of writing when there is time between', async () => {
    const client = await server.current.connect();
    const script = 'for i in 1 2 3 4 5; do printf "o$i"; sleep 0.03; printf "e$i" >&2; sleep 0.03; done';
    const view = await client.run(['/bin/sh', '-c', script]);
    expect(view.text('stdout')).toBe('o1o2o3o4o5');
    expect(view.text('stderr')).toBe('e1e2e3e4e5');
    expect(view.text()).toBe('o1e1o2e2o3e3o4e4o5e5');
  });

  it('a stream that the child closed early does not end the other', async () => {
    const client = await server.current.connect();
    const view = await client.run(['/bin/sh', '-c', 'exec 1>&-; sleep 0.2; echo still >&2; exit 3']);
    expect(view.text('stderr')).toBe('still\n');
    expect(view.exitCode).toBe(3);
  });

  it('a child that closed both streams is exited and closed when it ends, not before', async () => {
    const client = await server.current.connect();
    const view = await client.start({ argv: ['/bin/sh', '-c', 'exec 1>&- 2>&-; sleep 0.4; exit 6'] });
    await within('closed', 5_000, view.closed);
    expect(view.exitCode).toBe(6);
    expect(view.closedAtMs - view.startedAtMs).toBeGreaterThan(350);
  });
});

describe('typing', () => {
  it.each(kinds)('1 MiB arrives whole at a program that reads, by $kind', async ({ tty }) => {
    const bytes = randomBytes(512 * 1024).toString('hex');
    const client = await server.current.connect();
    const script = `${tty ? 'stty raw -echo; ' : ''}echo ready; head -c ${String(bytes.length)} | sha256sum`;
    const view = await client.start({ argv: ['/bin/sh', '-c', script], tty, pipeStdin: !tty });
    await client.waitForText(view, 'ready');
    for (let offset = 0; offset < bytes.length; offset += 100_000) {
      expect(await client.write(view.processId, bytes.slice(offset, offset + 100_000), 20_000)).toBe('accepted');
    }
    await within('closed', 20_000, view.closed);
    expect(view.text()).toContain(sha256(Buffer.from(bytes)));
  });

  it('byte 3 interrupts and byte 4 ends the input of a terminal', async () => {
    const client = await server.current.connect();
    const interrupted = await client.start({ argv: ['sh', '-c', 'echo ready; exec sleep 600'], tty: true });
    await client.waitForText(interrupted, 'ready');
    await client.write(interrupted.processId, '\x03');
    await within('closed', 5_000, interrupted.closed);
    expect(interrupted.exitCode).toBe(130);
    const ended = await client.start({ argv: ['sh', '-c', 'echo ready; cat; echo over'], tty: true });
    await client.waitForText(ended, 'ready');
    await client.write(ended.processId, 'line\n\x04');
    await within('closed', 5_000, ended.closed);
    expect(ended.text()).toContain('line\r\nline\r\nover');
  });
});
