// What every FrameBus promises: the in-process one and the one over a real nats-server pass the same tests.
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { MemoryBus, MemoryHub } from '../../../backend/relay/bus-memory.ts';
import { NatsBus } from '../../../backend/relay/bus-nats.ts';
import type { FrameBus } from '../../../backend/relay/bus.ts';
import { until } from '../../helpers/until.ts';
import { useNats } from './nats.ts';

const nats = useNats();
const opened: FrameBus[] = [];
afterEach(async () => {
  for (const bus of opened.splice(0)) await bus.close();
});

interface Node {
  readonly bus: FrameBus;
  readonly heard: { readonly from: string; readonly message: Uint8Array }[];
}

async function open(bus: FrameBus): Promise<Node> {
  const heard: Node['heard'] = [];
  opened.push(bus);
  await bus.open({ onMessage: (from, message) => heard.push({ from, message }), onWritable: () => undefined });
  return { bus, heard };
}

const secret = randomBytes(16);
const kinds = {
  memory: () => {
    const hub = new MemoryHub();
    return () => open(new MemoryBus(hub));
  },
  nats: () => () => open(new NatsBus({ url: nats.url, secret, onDropped: () => undefined })),
};

describe.each(Object.entries(kinds))('the %s bus', (_, make) => {
  it('carries messages of any size to one node, whole and in order', async () => {
    const join = make();
    const [a, b, c] = [await join(), await join(), await join()];
    const messages = [1, 0, 100, 5_000_000, 3, 1_048_576, 2].map((size) => randomBytes(size));
    for (const message of messages) a.bus.send(b.bus.nodeId, message);
    await until('all to arrive', () => b.heard.length === messages.length);
    for (const [index, { message }] of b.heard.entries()) expect(messages[index]!.equals(message)).toBe(true);
    expect(new Set(b.heard.map(({ from }) => from))).toEqual(new Set([a.bus.nodeId]));
    expect([a.heard.length, c.heard.length]).toEqual([0, 0]);
  });

  it('carries broadcasts to all others, and keeps two senders apart', async () => {
    const join = make();
    const [a, b, c] = [await join(), await join(), await join()];
    const [large, other] = [randomBytes(4_000_000), randomBytes(4_000_000)];
    a.bus.broadcast(large);
    b.bus.broadcast(other);
    await until('all to arrive', () => c.heard.length === 2 && a.heard.length === 1 && b.heard.length === 1);
    const heardOf = (nodeId: string) => Buffer.from(c.heard.find(({ from }) => from === nodeId)!.message);
    expect(heardOf(a.bus.nodeId).equals(large) && heardOf(b.bus.nodeId).equals(other)).toBe(true);
  });

  it('loses what is for a node that is gone, without an error', async () => {
    const join = make();
    const [a, b] = [await join(), await join()];
    await b.bus.close();
    a.bus.send(b.bus.nodeId, Buffer.from('lost'));
    a.bus.send('nobody', Buffer.from('lost'));
    const c = await join();
    a.bus.broadcast(Buffer.from('kept'));
    await until('the last to arrive', () => c.heard.length === 1);
    expect(b.heard).toEqual([]);
  });
});

it('nodes with another secret do not meet on one nats-server', async () => {
  const a = await open(new NatsBus({ url: nats.url, secret, onDropped: () => undefined }));
  const stranger = await open(new NatsBus({ url: nats.url, secret: randomBytes(16), onDropped: () => undefined }));
  const b = await open(new NatsBus({ url: nats.url, secret, onDropped: () => undefined }));
  a.bus.broadcast(Buffer.from('hello'));
  a.bus.send(stranger.bus.nodeId, Buffer.from('hello'));
  await until('the friend to hear', () => b.heard.length === 1);
  expect(stranger.heard).toEqual([]);
});
