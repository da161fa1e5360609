// Deep pipelines on one connection are all answered, in order of effect (docs/protocol.md §2.5; promises 10 and 13).
import { describe, expect, it } from 'vitest';
import { asObject } from '../helpers/json.ts';
import { zombiesOf } from '../helpers/proc.ts';
import { startServer, startStdioServer, useServer } from '../helpers/server.ts';
import { timed, until, within } from '../helpers/until.ts';
import type { Answer, WireClient } from '../helpers/wire-client.ts';

const server = useServer();

describe('1,000 pipelined starts of short processes', () => {
  it.each([
    { kind: 'pipe', tty: false, count: 1_000 },
    { kind: 'pty', tty: true, count: 300 },
  ])(
    'are all answered, each with exited and closed once, by $kind',
    async ({ tty, count }) => {
      const client = await server.current.connect();
      const { value: starts, tookMs } = await timed(async () => {
        const started = Array.from({ length: count }, (_value, index) =>
          client.startUnanswered({ argv: ['/bin/sh', '-c', `exit ${String(index % 7)}`], tty }),
        );
        await Promise.all(started.map(({ answered }) => answered));
        await within('all to be closed', 60_000, Promise.all(started.map(({ view }) => view.closed)));
        return started;
      });
      expect(starts.map(({ view }) => view.exitCode)).toEqual(starts.map((_start, index) => index % 7));
      expect(starts.every(({ view }) => view.seqs.join() === '1,2')).toBe(true);
      expect(tookMs).toBeLessThan(30_000);
      await until('no zombies', () => zombiesOf(server.current.pid).length === 0);
    },
    90_000,
  );
});

describe('30,000 pipelined requests', () => {
  const mixture = (index: number): [string, Record<string, string | number>] => {
    switch (index % 6) {
      case 0:
        return ['process/terminate', { processId: 'none' }];
      case 1:
        return ['process/read', { processId: 'cat' }];
      case 2:
        return ['process/write', { processId: 'cat', chunk: '' }];
      case 3:
        return ['fs/getMetadata', { path: '/etc/passwd' }];
      case 4:
        return ['no/such/method', {}];
      default:
        return ['process/read', { processId: 'none' }];
    }
  };

  it('are all answered over WebSocket', async () => {
    const client = await server.current.connect();
    await client.start({ argv: ['cat'], pipeStdin: true, processId: 'cat' });
    const answers: Promise<Answer>[] = [];
    for (let index = 0; index < 30_000; index++) {
      const [method, params] = mixture(index);
      answers.push(client.request(method, params, { withinMs: 60_000 }));
      if (index % 1_000 === 0) {
        await until('room', () => client.carrier.unsentBytes() < 4_000_000, { withinMs: 30_000, everyMs: 1 });
      }
    }
    const settled = await Promise.all(answers);
    const failed = settled.filter((answer) => answer.error !== undefined);
    // Methods 4 and 5 of the mixture are errors by design.
    expect(failed).toHaveLength(10_000);
    expect(failed.every(({ error }) => error?.code === -32601 || error?.code === -32600)).toBe(true);
  }, 90_000);

  it('are all answered over stdio', async () => {
    const { client } = await startStdioServer();
    await client.start({ argv: ['cat'], pipeStdin: true, processId: 'cat' });
    const settled = await Promise.all(
      Array.from({ length: 10_000 }, (_value, index) => client.request(...mixture(index), { withinMs: 60_000 })),
    );
    expect(settled.filter((answer) => answer.error !== undefined).length).toBeGreaterThan(3_000);
  }, 90_000);
});

describe('requests of one connection take effect in order', () => {
  it('start, writes, closeStdin and a read, sent without waiting', async () => {
    const client = await server.current.connect();
    const { view, answered } = client.startUnanswered({ argv: ['cat'], pipeStdin: true, processId: 'p' });
    const writes = ['a', 'b', 'c', 'd'].map((text) => client.write('p', text));
    const closed = client.call('process/closeStdin', { processId: 'p' });
    await answered;
    expect(await Promise.all(writes)).toEqual(['accepted', 'accepted', 'accepted', 'accepted']);
    expect(await closed).toEqual({ status: 'accepted' });
    await within('closed', 5_000, view.closed);
    expect(view.text()).toBe('abcd');
  });

  it('a directory is made before the file in it is written, and removed after it was read', async () => {
    const client = await server.current.connect();
    for (let round = 0; round < 20; round++) {
      const folder = `/tmp/pipeline-${String(process.pid)}-${String(round)}`;
      const answers = await Promise.all([
        client.request('fs/createDirectory', { path: folder }),
        client.request('fs/writeFile', { path: `${folder}/f`, dataBase64: 'eA==' }),
        client.request('fs/readFile', { path: `${folder}/f` }),
        client.request('fs/remove', { path: folder }),
        client.request('fs/getMetadata', { path: folder }),
      ]);
      expect(answers.map((answer) => answer.error?.code)).toEqual([undefined, undefined, undefined, undefined, -32004]);
      expect(asObject(answers[2].result)['dataBase64']).toBe('eA==');
    }
  });

  it('a start and a terminate sent without waiting leave nothing running', async () => {
    const client = await server.current.connect();
    const starts = Array.from({ length: 50 }, (_value, index) => {
      const start = client.startUnanswered({ argv: ['sleep', '600'], tty: index % 5 === 0 });
      return { ...start, terminated: client.terminate(start.view.processId) };
    });
    expect(await Promise.all(starts.map(({ terminated }) => terminated))).toEqual(starts.map(() => true));
    await within('all to be closed', 10_000, Promise.all(starts.map(({ view }) => view.closed)));
  });
});

describe('starts of one connection that were sent without waiting fare as if they came one after the other', () => {
  const outcomes = (client: WireClient, starts: { argv: string[]; processId: string }[]): Promise<string[]> =>
    Promise.all(
      starts.map(async (params) => {
        const answer = await client.request('process/start', { cwd: '/', env: client.env(), tty: false, ...params });
        return answer.error?.message ?? 'started';
      }),
    );
  const missing = { argv: ['/no/such/program'], processId: 'p' };
  const sleep = { argv: ['sleep', '600'], processId: 'p' };
  const absent = 'No such file or directory (os error 2)';

  it('with one processId, which is free again after a start that failed', async () => {
    const client = await server.current.connect();
    const inUse = 'process p already exists';
    expect(await outcomes(client, [missing, sleep, sleep, missing])).toEqual([absent, 'started', inUse, inUse]);
  });

  it('with one free place, which a start that failed leaves free', async () => {
    const own = await startServer({ args: ['--max-processes', '1'] });
    const client = await own.connect();
    const starts = [missing, sleep, sleep].map((params, index) => ({ ...params, processId: String(index) }));
    expect(await outcomes(client, starts)).toEqual([absent, 'started', expect.stringMatching(/^too many processes/)]);
  });

  it('with an environment of nearly a megabyte each', async () => {
    const client = await server.current.connect();
    const filler = 'x'.repeat(120_000);
    const env = client.env(
      Object.fromEntries(Array.from({ length: 8 }, (_value, index) => [`V${String(index)}`, filler])),
    );
    const views = await Promise.all(
      Array.from({ length: 4 }, () => client.run(['sh', '-c', 'echo ${#V0} ${#V7}'], { env })),
    );
    expect(views.map((view) => view.text())).toEqual(views.map(() => '120000 120000\n'));
  });
});

describe('ids', () => {
  it('are echoed exactly: strings, negative ones, and integers beyond 2^53', async () => {
    const client = await server.current.connect({ handshake: false });
    const texts: string[] = [];
    client.carrier.onMessage = (text) => texts.push(text);
    const ids = ['0', '""', '"1"', '-5', '9007199254740993', '9223372036854775807', '-9223372036854775808', '"ü"'];
    for (const id of ids) client.sendText(`{"id":${id},"method":"no/such/method"}`);
    await until('all answers', () => texts.length === ids.length);
    texts.forEach((text, index) => {
      expect(text).toMatch(new RegExp(`"id":${ids[index] ?? ''}[,}]`));
    });
  });

  it('may be used twice, also while the first is pending', async () => {
    const client = await server.current.connect();
    const view = await client.start({ argv: ['cat'], pipeStdin: true });
    const texts: string[] = [];
    client.carrier.onMessage = (text) => texts.push(text);
    client.sendText(`{"id":7,"method":"process/read","params":{"processId":"${view.processId}","waitMs":200}}`);
    client.sendText('{"id":7,"method":"process/terminate","params":{"processId":"none"}}');
    await until('both answers', () => texts.length === 2);
    expect(texts[0]).toContain('running');
    expect(texts[1]).toContain('chunks');
  });
});
