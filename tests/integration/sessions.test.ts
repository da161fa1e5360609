// Sessions outlive their connection for a while and can be resumed (docs/protocol.md §3.4; promises 16 and 18).
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { asArray, asObject, fromBase64 } from '../helpers/json.ts';
import { openFiles, runningWithEnv } from '../helpers/proc.ts';
import { startServer, useServer } from '../helpers/server.ts';
import { timed, until, within } from '../helpers/until.ts';
import type { WireClient } from '../helpers/wire-client.ts';

const server = useServer();

/** A dropped connection is noticed by the server a moment later: until then the session counts as attached. */
async function resume(sessionId: string, withinMs = 5_000): Promise<WireClient> {
  const client = await server.current.connect({ handshake: false });
  await until(
    'the session to be free',
    async () => {
      const answer = await client.request('initialize', { clientName: 'test', resumeSessionId: sessionId });
      if (answer.error && answer.error.code !== -32010) throw new Error(answer.error.message);
      if (!answer.error) expect(answer.result).toMatchObject({ sessionId });
      return !answer.error;
    },
    { withinMs },
  );
  client.notify('initialized', {});
  return client;
}

describe('a resumed session', () => {
  it('has lost nothing: 400 lines over five connections, each once and in order', async () => {
    let client = await server.current.connect();
    const { sessionId } = client;
    const script = 'for i in $(seq 400); do echo "line $i"; sleep 0.004; done; exit 3';
    await client.start({ argv: ['bash', '-c', script], processId: 'lines' });
    const seen = new Map<number, string>();
    let afterSeq = 0;
    for (let drops = 0; drops < 5; drops++) {
      await client.waitFor('output', (message) => message['method'] === 'process/output');
      client.carrier.drop();
      client = await resume(sessionId);
      const read = await client.call('process/read', { processId: 'lines', afterSeq });
      for (const chunk of asArray(read['chunks'])) {
        const { seq, chunk: data } = asObject(chunk);
        seen.set(Number(seq), fromBase64(data).toString());
        afterSeq = Number(seq);
      }
    }
    await client.call('process/wait', { processId: 'lines' }, 20_000);
    const rest = await client.call('process/read', { processId: 'lines' });
    expect(rest).toMatchObject({ exited: true, exitCode: 3, closed: true });
    for (const chunk of asArray(rest['chunks'])) {
      const { seq, chunk: data } = asObject(chunk);
      const text = fromBase64(data).toString();
      expect(seen.get(Number(seq)) ?? text).toBe(text);
      seen.set(Number(seq), text);
    }
    const text = [...seen].sort(([a], [b]) => a - b).map(([, chunk]) => chunk);
    expect(text.join('')).toBe(Array.from({ length: 400 }, (_value, index) => `line ${String(index + 1)}\n`).join(''));
  });

  it('goes on pushing to the new connection, from where it is', async () => {
    const first = await server.current.connect();
    await first.start({ argv: ['cat'], pipeStdin: true, processId: 'cat' });
    await first.write('cat', 'one');
    await first.waitFor('one', (message) => message['method'] === 'process/output');
    first.carrier.drop();
    const second = await resume(first.sessionId);
    await second.write('cat', 'two');
    const pushed = await second.waitFor('two', (message) => message['method'] === 'process/output');
    expect(pushed['params']).toMatchObject({ seq: 2, chunk: Buffer.from('two').toString('base64') });
  });

  it('tells by process/read what ended in the gap', async () => {
    const first = await server.current.connect();
    await first.start({ argv: ['sh', '-c', 'sleep 0.2; echo late; exit 9'], processId: 'gone' });
    first.carrier.drop();
    const second = await resume(first.sessionId);
    const wait = await second.call('process/wait', { processId: 'gone' });
    expect(wait).toMatchObject({ exited: true, exitCode: 9, closed: true, timedOut: false });
    const read = await second.call('process/read', { processId: 'gone' });
    expect(asArray(read['chunks'])).toHaveLength(1);
  });

  it('is not held by a request that was waiting when the connection dropped', async () => {
    const first = await server.current.connect();
    await first.start({ argv: ['cat'], pipeStdin: true, processId: 'cat' });
    first.request('process/read', { processId: 'cat', waitMs: 60_000 }).catch(() => undefined);
    await first.terminate('none');
    first.carrier.drop();
    const { tookMs } = await timed(() => resume(first.sessionId));
    expect(tookMs).toBeLessThan(2_000);
  });

  it('can be resumed again and again, also after a polite close', async () => {
    let client = await server.current.connect();
    const { sessionId } = client;
    await client.start({ argv: ['cat'], pipeStdin: true, processId: 'cat' });
    for (let round = 0; round < 5; round++) {
      await client.carrier.close();
      client = await resume(sessionId);
    }
    expect(await client.terminate('cat')).toBe(true);
  });
});

describe('a session', () => {
  it('that is attached to a live connection is -32010, and the holder notices nothing', async () => {
    const holder = await server.current.connect();
    const other = await server.current.connect({ handshake: false });
    const answer = await other.request('initialize', { clientName: 'x', resumeSessionId: holder.sessionId });
    expect(answer.error).toEqual({
      code: -32010,
      message: `session ${holder.sessionId} is already attached to another connection`,
    });
    expect((await holder.run(['echo', 'fine'])).text()).toBe('fine\n');
    // A failed resume does not count: the same connection may start afresh.
    expect((await other.initialize())['sessionId']).not.toBe(holder.sessionId);
  });

  it('is taken over from a connection that is no longer alive', async () => {
    const holder = await server.current.connect();
    const view = await holder.start({ argv: ['cat'], pipeStdin: true });
    // A peer whose machine is gone: TCP stands, nothing is read, no ping is answered.
    holder.carrier.pause();
    const second = await resume(holder.sessionId, 20_000);
    expect(await second.terminate(view.processId)).toBe(true);
  }, 30_000);

  it('that is unknown, guessed or expired is -32600', async () => {
    const client = await server.current.connect({ handshake: false });
    for (const sessionId of ['', 'no-such-session', randomUUID(), '__proto__', 'x'.repeat(100_000)]) {
      const answer = await client.request('initialize', { clientName: 'x', resumeSessionId: sessionId });
      expect(answer.error?.code).toBe(-32600);
      expect(answer.error?.message.startsWith('unknown session id ')).toBe(true);
    }
  });

  it('has an id of 122 random bits', async () => {
    const clients = await Promise.all(Array.from({ length: 50 }, () => server.current.connect()));
    const ids = clients.map((client) => client.sessionId);
    expect(new Set(ids).size).toBe(50);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    // No part but the version and the variant is the same in all.
    const varies = Array.from({ length: 36 }, (_value, at) => new Set(ids.map((id) => id[at])).size > 1);
    expect(varies.map((does, at) => (does ? -1 : at)).filter((at) => at >= 0)).toEqual([8, 13, 14, 18, 23]);
  });

  it('keeps its processes to itself', async () => {
    const owner = await server.current.connect();
    const other = await server.current.connect();
    await owner.start({ argv: ['cat'], processId: 'mine', pipeStdin: true });
    expect((await other.request('process/read', { processId: 'mine' })).error?.code).toBe(-32600);
    expect(await other.write('mine', 'x')).toBe('unknownProcess');
    expect(await other.terminate('mine')).toBe(false);
    const same = await other.run(['echo', 'another'], { processId: 'mine' });
    expect(same.text()).toBe('another\n');
    expect(await owner.write('mine', 'x')).toBe('accepted');
  });

  it('lives for its time to live after a drop, a resume starts the time anew, then it is gone with its processes', async () => {
    const own = await startServer({
      env: { PATH: '/usr/bin:/bin', HOME: '/' },
      args: ['--detached-session-ttl-ms', '600'],
    });
    const mark = randomUUID();
    let client = await own.connect();
    const { sessionId } = client;
    await client.start({ argv: ['sleep', '600'], env: client.env({ MARK: mark }), processId: 'sleep' });
    for (let round = 0; round < 3; round++) {
      client.carrier.drop();
      client = await own.connect({ handshake: false });
      await until('the resume', async () => {
        const answer = await client.request('initialize', { clientName: 'x', resumeSessionId: sessionId });
        return answer.result !== undefined;
      });
      client.notify('initialized', {});
      // Together longer than one time to live.
      await client.call('process/read', { processId: 'sleep', waitMs: 300 });
    }
    expect(runningWithEnv(`MARK=${mark}`)).toHaveLength(1);
    client.carrier.drop();
    await until('the process to be ended', () => runningWithEnv(`MARK=${mark}`).length === 0, { withinMs: 1_600 });
    const late = await own.connect({ handshake: false });
    const answer = await late.request('initialize', { clientName: 'x', resumeSessionId: sessionId });
    expect(answer.error).toMatchObject({ code: -32600 });
  });
});

describe('what belongs to a connection', () => {
  it('ends with it: file handles are closed, and unknown to the connection that resumes', async () => {
    const own = server.current;
    const first = await own.connect();
    await first.call('fs/open', { handleId: 'h', path: '/etc/passwd' });
    const isOpen = (): boolean => [...openFiles(own.pid).values()].includes('/etc/passwd');
    expect(isOpen()).toBe(true);
    first.carrier.drop();
    await until('the file to be closed', () => !isOpen());
    const second = await resume(first.sessionId);
    const answer = await second.request('fs/readBlock', { handleId: 'h', offset: 0, len: 1 });
    expect(answer.error?.code).toBe(-32004);
    await within('a close of an unknown handle', 2_000, second.call('fs/close', { handleId: 'h' }));
  });
});
