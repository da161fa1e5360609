// Two rendezvous nodes on one real nats-server: the executor at one, the harness at the other; either node may die.
import { connect as connectTcp, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { relayCarrier, RemoteExecutorProcess } from '../../helpers/remote-executor.ts';
import { TAG, type RunningServer } from '../../helpers/server.ts';
import { until } from '../../helpers/until.ts';
import { WireClient } from '../../helpers/wire-client.ts';
import { shapes } from '../../helpers/wire-shapes.ts';
import { childEnv, connect, isOnline, startExecutor } from './relay-pair.ts';
import { nodeToken, startNode, useNats } from './nats.ts';
import { call, dropPeers, RelayPeer, relayUrl } from './relay-peer.ts';

const nats = useNats();

/** Stands for a load balancer: new connections go to the node that it points at. */
class Balancer {
  target: RunningServer;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(target: RunningServer) {
    this.target = target;
    this.#server = createServer((socket) => {
      const upstream = connectTcp(this.target.port, '127.0.0.1');
      for (const end of [socket, upstream]) {
        this.#sockets.add(end);
        end.on('error', () => undefined);
      }
      socket.pipe(upstream).pipe(socket);
      socket.on('close', () => upstream.destroy());
      upstream.on('close', () => socket.destroy());
    });
  }

  static async start(target: RunningServer): Promise<Balancer> {
    const balancer = new Balancer(target);
    await new Promise<void>((resolve) => balancer.#server.listen(0, '127.0.0.1', resolve));
    return balancer;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

async function connectBy(host: string, at: RunningServer, id: string): Promise<WireClient> {
  const url = (await relayUrl(at, 'harness', id, { resumable: true })).replace(`127.0.0.1:${at.port}`, host);
  const client = new WireClient(await relayCarrier({ url }), { tag: TAG, shapes });
  await client.initialize();
  return client;
}

describe('two nodes', () => {
  it('carry processes from the executor at one to a harness at the other', async () => {
    const [a, b] = await Promise.all([startNode(nats), startNode(nats)]);
    await startExecutor(a, 'box');
    await until('the other node to know', () => isOnline(b, 'box'));
    const client = await connect(b, 'box', { keepsOutput: false });
    const argv = ['bash', '-c', 'head -c 20000000 /dev/zero; exit 7'];
    const view = await client.start({ processId: 'p', argv, cwd: '/tmp', env: childEnv, tty: false });
    await until('the end', () => view.isClosed, { withinMs: 20_000 });
    expect([view.byteCount(), view.exitCode]).toEqual([20_000_000, 7]);
    expect(client.sniffer.violations).toEqual([]);
  });

  it('route by the same rules as one: whole large frames, owners, offline, leaving, replacing', async () => {
    const [a, b] = await Promise.all([startNode(nats), startNode(nats)]);
    const executor = await RelayPeer.executor(a, 'x');
    await until('the other node to know', () => isOnline(b, 'x'));
    const [here, there] = [await RelayPeer.harness(a, 'x'), await RelayPeer.harness(b, 'x')];
    const [one, two, three] = ['1', '2', '3'].map((n) => `0000000${n}-0000-4000-8000-000000000000`) as [
      string,
      string,
      string,
    ];
    const large = 'x'.repeat(3_000_000);
    there.sendData(one, large);
    await executor.waitFor(one, large);
    executor.sendData(one, `${large}y`);
    await there.waitFor(one, `${large}y`);
    here.sendData(one, 'not yours');
    await here.waitFor(one, 'reset stream_in_use');
    here.sendData(two, 'mine');
    await executor.waitFor(two, 'mine');
    there.sendData(two, 'not yours');
    await there.waitFor(two, 'reset stream_in_use');
    there.cut();
    await executor.waitFor(one, 'reset harness_disconnected');
    const again = await RelayPeer.harness(b, 'x');
    again.sendData(three, 'hello');
    await executor.waitFor(three, 'hello');
    const newer = await RelayPeer.executor(b, 'x');
    expect(await executor.waitForClose()).toMatchObject({ code: 4001 });
    await again.waitFor(three, 'reset executor_disconnected');
    await here.waitFor(two, 'reset executor_disconnected');
    here.sendData('00000004-0000-4000-8000-000000000000', 'over there');
    await newer.waitFor('00000004-0000-4000-8000-000000000000', 'over there');
    newer.cut();
    await here.waitFor('00000004-0000-4000-8000-000000000000', 'reset executor_disconnected');
    dropPeers();
  });

  it('give a stream back to a harness that was cut while the executor was away', async () => {
    const [a, b] = await Promise.all([startNode(nats), startNode(nats)]);
    const executorUrl = await relayUrl(a, 'executor', 'x', { resumable: true });
    const executor = await RelayPeer.dial(executorUrl);
    await until('the other node to know', () => isOnline(b, 'x'));
    const harnessUrl = await relayUrl(b, 'harness', 'x', { resumable: true });
    const harness = await RelayPeer.dial(harnessUrl);
    const id = '00000005-0000-4000-8000-000000000000';
    harness.sendData(id, 'hello');
    await executor.waitFor(id, 'hello');
    executor.cut();
    await until('the other node to know', async () => !(await isOnline(b, 'x')));
    harness.cut();
    const harnessAgain = await RelayPeer.dial(harnessUrl);
    harnessAgain.send(id, { kind: 'resume', nextSeq: 1 });
    // The executor was away, so this was all that could become of it.
    await until('the resume to be dropped', async () => {
      const { body } = await call(b, 'GET', '/api/relay');
      return JSON.stringify(body).includes('"executor_away":1');
    });
    const executorAgain = await RelayPeer.dial(executorUrl);
    await until('the other node to know', () => isOnline(b, 'x'));
    harnessAgain.sendData(id, 'I am back', 1);
    await executorAgain.waitFor(id, 'I am back');
    executorAgain.sendData(id, 'so am I');
    await harnessAgain.waitFor(id, 'so am I');
    expect(harnessAgain.words(id)).toEqual(['so am I']);
    dropPeers();
  });

  it('give a stream to the harness that takes the place of one that vanished without a word, wherever the executor is', async () => {
    const [a, b] = await Promise.all([startNode(nats), startNode(nats)]);
    const dialAt = (at: RunningServer, url: string): Promise<RelayPeer> =>
      RelayPeer.dial(url.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${at.port}`));
    const executorUrl = await relayUrl(a, 'executor', 'x', { resumable: true });
    const executor = await dialAt(a, executorUrl);
    await until('the other node to know', () => isOnline(b, 'x'));
    const harnessUrl = await relayUrl(b, 'harness', 'x', { resumable: true });
    const id = '00000006-0000-4000-8000-000000000000';
    // Its connection stays open: nobody at its node can tell that it is gone.
    const ghost = await dialAt(b, harnessUrl);
    ghost.sendData(id, 'hello');
    await executor.waitFor(id, 'hello');
    const heir = await dialAt(a, harnessUrl);
    heir.send(id, { kind: 'resume', nextSeq: 1 });
    await executor.waitFor(id, 'resume');
    executor.sendData(id, 'for the heir');
    await heir.waitFor(id, 'for the heir');

    // The executor moves to the node of the ghost, which must not get the stream back by that.
    executor.cut();
    const moved = await dialAt(b, executorUrl);
    await until('the node of the heir to know', async () => {
      const { body } = await call(a, 'GET', '/cloud/executor');
      return JSON.stringify(body).includes('"here":false');
    });
    heir.sendData(id, 'still mine', 1);
    await moved.waitFor(id, 'still mine');
    moved.sendData(id, 'still yours', 1);
    await heir.waitFor(id, 'still yours');
    ghost.sendData(id, 'was on the way', 1);
    await ghost.waitFor(id, 'reset stream_in_use');
    ghost.cut();
    heir.sendData(id, 'and on', 2);
    await moved.waitFor(id, 'and on');
    expect([ghost.words(id), heir.words(id), moved.words(id)]).toEqual([
      ['reset stream_in_use'],
      ['for the heir', 'still yours'],
      ['still mine', 'and on'],
    ]);
    dropPeers();
  });

  it('keep harnesses of either node apart: the same processId, malformed frames and resets of another harm nobody', async () => {
    const [a, b] = await Promise.all([startNode(nats), startNode(nats)]);
    await startExecutor(a, 'box');
    await until('the other node to know', () => isOnline(b, 'box'));
    const cat = { processId: 'p', argv: ['cat'], cwd: '/tmp', env: childEnv, tty: false, pipeStdin: true };
    const harnesses = await Promise.all(
      [a, b].map(async (node, index) => {
        const client = await connect(node, 'box');
        return { client, view: await client.start(cat), word: `harness ${index} ` };
      }),
    );
    const { body } = await call(a, 'GET', '/api/relay/executors/box/streams');
    const streamIds = [...JSON.stringify(body).matchAll(/"streamId":"([^"]+)"/g)].map(([, id]) => id!);
    expect(streamIds).toHaveLength(2);
    const abuser = await RelayPeer.harness(b, 'box');
    abuser.socket.send(Uint8Array.of(0xff, 0xff));
    for (const id of streamIds) {
      abuser.send(id, { kind: 'reset', reason: 'die' });
      abuser.sendData(id, 'not yours');
      await abuser.waitFor(id, 'reset stream_in_use');
    }
    for (const { client, word } of harnesses) {
      await client.call('process/write', { processId: 'p', chunk: Buffer.from(word).toString('base64') });
      await client.call('process/closeStdin', { processId: 'p' });
    }
    for (const { client, view, word } of harnesses) {
      await view.closed;
      expect([view.text(), client.sniffer.violations]).toEqual([word, []]);
    }
    dropPeers();
  });

  it.each(['executor', 'harness'] as const)(
    'the node of the %s dies: a running shell goes on through the other',
    async (whose) => {
      const [a, b] = await Promise.all([startNode(nats), startNode(nats)]);
      const [forExecutor, forHarness] = [await Balancer.start(a), await Balancer.start(b)];
      await RemoteExecutorProcess.start({
        remote: `http://${forExecutor.host}`,
        executorId: 'box',
        token: nodeToken,
      });
      await until('the other node to know', () => isOnline(b, 'box'));
      const client = await connectBy(forHarness.host, b, 'box');
      const shell = {
        processId: 'shell',
        argv: ['bash', '--norc', '-i'],
        cwd: '/tmp',
        env: { ...childEnv, PS1: '' },
        tty: true,
      };
      const view = await client.start(shell);
      const type = async (text: string): Promise<void> => {
        await client.call('process/write', { processId: 'shell', chunk: Buffer.from(text).toString('base64') });
      };
      await type('marker=kept\n');
      const [dying, left] = whose === 'executor' ? [a, b] : [b, a];
      (whose === 'executor' ? forExecutor : forHarness).target = left;
      dying.kill('SIGKILL');
      const answer = type('echo "it is $marker"\n');
      await until('the shell to answer', () => view.text().includes('it is kept'), { withinMs: 25_000 });
      await answer;
      expect(client.sniffer.violations).toEqual([]);
      client.carrier.drop();
      forExecutor.close();
      forHarness.close();
    },
  );
});
