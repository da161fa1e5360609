// The relay recordings r01 to r09 and r11 played against our remote executor: a stand-in for the registry and the
// rendezvous does what was recorded, and what our executor sends is compared. r10 is the harness's: what ours sends.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { decodeFrame, encodeFrame } from '../../shared/relay/codec.ts';
import type { RelayFrame } from '../../shared/relay/frame.ts';
import { compareValue, type Bindings } from '../../shared/scenario/compare.ts';
import {
  asArray,
  asNumber,
  asObject,
  asString,
  isObject,
  parseJson,
  type Json,
  type JsonObject,
} from '../helpers/json.ts';
import { openLink, RemoteExecutorProcess, StandInRegistry } from '../helpers/remote-executor.ts';
import { until, within } from '../helpers/until.ts';
import { betterThan131, type ExtraFrame, type RelayDifference } from './relay-decisions.ts';

function recording(name: string): JsonObject {
  return asObject(parseJson(readFileSync(new URL(`relay/${name}.json`, import.meta.url), 'utf8')));
}

let registry: StandInRegistry;
beforeEach(async () => {
  registry = await StandInRegistry.start();
});
afterEach(() => registry.close());

/** Frames of one socket; data and resets wait to be looked at, the rest an old peer ignores. */
class Watched {
  readonly frames: RelayFrame[] = [];

  constructor(readonly socket: WebSocket) {
    socket.on('message', (bytes: Buffer) => {
      const frame = decodeFrame(bytes);
      if (typeof frame === 'string') throw new Error(`our executor sent what is no frame: ${frame}`);
      if (frame.body.kind === 'data' || frame.body.kind === 'reset') this.frames.push(frame);
    });
  }

  async take(streamId: string): Promise<RelayFrame> {
    return await until(
      `a frame of ${streamId}`,
      () => {
        const place = this.frames.findIndex((frame) => frame.streamId === streamId);
        return place < 0 ? undefined : this.frames.splice(place, 1)[0];
      },
      { describe: () => JSON.stringify(this.frames) },
    );
  }
}

/** The bytes to send: as recorded, unless ids of this run stand in the payload or ours wants another seq. */
function bytesToSend(
  step: JsonObject,
  bindings: Bindings,
  difference: RelayDifference | undefined,
  index: number,
): Buffer {
  const wire = Buffer.from(asString(step['wireBase64']), 'base64');
  const seq = difference?.seqs?.[index];
  const frame = decodeFrame(wire);
  if (typeof frame === 'string' || frame.body.kind !== 'data') return wire;
  const payload =
    isObject(step['frame']) && isObject(step['frame']['data']) ? step['frame']['data']['payload'] : undefined;
  let text = payload === undefined ? Buffer.from(frame.body.payload).toString() : JSON.stringify(payload);
  const isBound = [...bindings.keys()].some((name) => text.includes(name));
  if (!isBound && seq === undefined) return wire;
  for (const [name, value] of [...bindings].sort(([a], [b]) => b.length - a.length))
    text = text.replaceAll(name, value);
  const body = { ...frame.body, seq: seq ?? frame.body.seq, payload: Buffer.from(text) };
  return Buffer.from(encodeFrame({ ...frame, body }));
}

async function expectExtra(watched: Watched, extra: ExtraFrame): Promise<void> {
  const { body } = await watched.take('11111111-1111-4111-8111-111111111111');
  if ('reset' in extra) expect(body).toEqual({ kind: 'reset', reason: extra.reset });
  else if (body.kind !== 'data') throw new Error(`expected an answer, got ${JSON.stringify(body)}`);
  else expect(asObject(parseJson(Buffer.from(body.payload).toString()))['id']).toBe(extra.answerTo);
}

async function expectFrame(
  watched: Watched,
  step: JsonObject,
  bindings: Bindings,
  { seq, nextSeq }: { readonly seq: number | undefined; readonly nextSeq: number | undefined },
): Promise<void> {
  const recorded = asObject(step['frame']);
  const frame = await watched.take(asString(recorded['streamId']));
  if (frame.body.kind !== 'data') throw new Error(`expected data, got ${JSON.stringify(frame.body)}`);
  const data = asObject(recorded['data']);
  expect(frame.body.seq).toBe(seq ?? data['seq']);
  const payload = parseJson(Buffer.from(frame.body.payload).toString());
  // 128 + signal, as docs/protocol.md decides for all kinds of processes.
  const alt: Record<string, Json[]> = { 'params.exitCode': [137] };
  const expected = { ...asObject(data['payload'] ?? null) };
  if (nextSeq !== undefined) expected['result'] = { ...asObject(expected['result']), nextSeq };
  expect(compareValue(expected, payload, { loose: [], alt }, bindings)).toEqual([]);
}

async function play(name: string): Promise<void> {
  const difference = betterThan131[name];
  const bindings: Bindings = new Map([['$HOST', registry.host]]);
  await RemoteExecutorProcess.start({ remote: registry.url, executorId: 'exec-1', token: 'tok-123' });
  let connections = 1;
  let watched = new Watched(await registry.waitForSocket(connections));
  const steps = asArray(recording(name)['steps']).map((step) => asObject(step));
  for (const [index, step] of steps.entries()) {
    if (step['dir'] === 'silence') await delay(asNumber(step['ms']) > 200 ? asNumber(step['ms']) : 30);
    else if (step['note'] !== undefined)
      return; // r09 goes on with refused upgrades: a test of its own
    else if (step['dir'] === 'toExecutor') {
      if (step['text'] !== undefined) watched.socket.send(asString(step['text']));
      else if (step['close'] === 1006) watched.socket.terminate();
      else if (step['close'] !== undefined) watched.socket.close(asNumber(step['close']));
      else watched.socket.send(bytesToSend(step, bindings, difference, index));
    } else if (step['http'] !== undefined) {
      await until('another registration', () => registry.registrations.length > connections);
      expect(registry.registrations.at(-1)!.path).toBe(asObject(step['http'])['path']);
    } else if (step['upgrade'] !== undefined) {
      watched = new Watched(await registry.waitForSocket(++connections));
      expect(registry.upgrades.at(-1)!.path).toBe(asObject(step['upgrade'])['path']);
    } else if (difference?.missing?.includes(index) !== true) {
      const own = { seq: difference?.seqs?.[index], nextSeq: difference?.nextSeqs?.[index] };
      await expectFrame(watched, step, bindings, own);
    }
    const extra = difference?.extra?.[index];
    if (extra) await expectExtra(watched, extra);
    if (difference?.endsAfter === index) break;
  }
  expect(watched.frames).toEqual([]);
}

describe('our remote executor', () => {
  it('r01: one POST, one upgrade, then nothing', async () => {
    const executor = await RemoteExecutorProcess.start({
      remote: `${registry.url}//`,
      executorId: ' exec-1 ',
      token: ' tok-123 ',
    });
    const socket = await registry.waitForSocket(1);
    const [, upgrade] = asArray(recording('r01-registration')['steps'])
      .filter((step) => asObject(step)['dir'] === 'fromExecutor' && asObject(step)['stderr'] === undefined)
      .map((step) => asObject(step));
    let messages = 0;
    socket.on('message', () => messages++);
    socket.on('ping', () => messages++);
    const { method, path, headers, body } = registry.registrations[0]!;
    expect({ method, path, body }).toEqual({ method: 'POST', path: '/cloud/executor/exec-1/register', body: '' });
    expect(headers).toMatchObject({ authorization: 'Bearer tok-123', accept: '*/*', host: registry.host });
    expect(headers['content-type']).toBeUndefined();
    expect(registry.upgrades[0]!.path).toBe(asObject(upgrade!['upgrade'])['path']);
    expect(Object.keys(registry.upgrades[0]!.headers).sort()).toEqual([
      'connection',
      'host',
      'sec-websocket-key',
      'sec-websocket-version',
      'upgrade',
    ]);
    expect(executor.stderr).toContain('exec-workbench remote executor registered with executor_id exec-assigned\n');
    expect(executor.stderr).not.toContain('tok-123');
    expect(executor.stderr).not.toContain('sig=');
    await delay(500);
    expect(messages).toBe(0);
  });

  it.each([
    'r02-single-stream',
    'r03-two-streams',
    'r04-control-frames-ignored',
    'r05-malformed-dropped',
    'r06-seq-not-checked',
    'r07-segments-dropped',
    'r08-reset',
    'r09-reconnect',
  ])('%s, but for what relay-decisions.ts lists', play);

  it('r09: registers again after 1 s, 2 s … while upgrades are refused', async () => {
    const executor = await RemoteExecutorProcess.start({
      remote: registry.url,
      executorId: 'exec-1',
      token: 'tok-123',
    });
    const socket = await registry.waitForSocket(1);
    registry.refusesUpgrades = true;
    const droppedAtMs = performance.now();
    socket.terminate();
    await executor.waitForRegistrations(3);
    const afterMs = registry.registrations.slice(1, 3).map(({ atMs }) => atMs - droppedAtMs);
    expect(afterMs[0]).toBeGreaterThan(900);
    expect(afterMs[0]).toBeLessThan(1500);
    expect(afterMs[1]).toBeGreaterThan(2900);
    expect(afterMs[1]).toBeLessThan(3800);
  });
});

describe('r11: what a registry answers', () => {
  const cases = asArray(recording('r11-registry-errors')['cases']).map((item) => asObject(item));
  it.each(cases.filter((item) => item['exitCode'] === 1).map((item) => [asString(item['case']), item] as const))(
    '%s',
    async (name, item) => {
      const answer = item['registryAnswer'];
      if (isObject(answer ?? null)) {
        const { status, body } = asObject(answer);
        registry.answer = { status: asNumber(status), body: asString(body) };
      }
      // Mistakes of whoever starts it end with 2, as everywhere in this program.
      const isUsage = answer === null;
      const executor = RemoteExecutorProcess.spawn({
        remote: name === 'blank --remote' ? ' ' : answer === 'refused' ? 'http://127.0.0.1:1' : registry.url,
        executorId: name === 'blank --executor-id' ? ' ' : answer === 'refused' ? 'x' : 'exec-1',
        token: name === 'no token variable' ? undefined : name === 'blank token' ? ' ' : 'tok-123',
      });
      expect(await within('the executor to end', 10_000, executor.exited)).toBe(isUsage ? 2 : 1);
      const text = asString(item['stderrFirstLine']).replace(/^Error: /, 'exec-workbench: ');
      expect(executor.stderr.split('\n')[0]).toContain(text);
      expect(executor.stderr.trim().split('\n')).toHaveLength(1);
    },
  );

  it('outlasts a registry in trouble once it has served, and gives up on 401', async () => {
    const executor = await RemoteExecutorProcess.start({
      remote: registry.url,
      executorId: 'exec-1',
      token: 'tok-123',
    });
    const socket = await registry.waitForSocket(1);
    registry.answer = { status: 500, body: '{"error":{"code":"boom","message":"oops"}}' };
    socket.terminate();
    await until('a failed registration', () => registry.registrations.length === 2);
    registry.answer = undefined;
    await registry.waitForSocket(2);
    registry.answer = { status: 401, body: '{"error":{"message":"token tok-123\\nis no good"}}' };
    registry.sockets[1]!.terminate();
    expect(await within('the executor to end', 10_000, executor.exited)).toBe(1);
    expect(executor.stderr).toContain(
      'executor registry authentication failed (401 Unauthorized): token … is no good\n',
    );
    expect(executor.stderr).not.toContain('tok-123');
  });
});

describe('r10: our harness', () => {
  it('sends resume first, then data with seq 0, 1, 2, under one UUID', async () => {
    const [upgrade, resume] = asArray(recording('r10-harness-client')['steps']).map((step) => asObject(step));
    const path = asString(asObject(upgrade!['upgrade'])['path']);
    const frames: RelayFrame[] = [];
    const link = await openLink({ url: `ws://${registry.host}${path}` });
    const socket = await registry.waitForSocket(1);
    socket.on('message', (bytes: Buffer) => {
      const frame = decodeFrame(bytes);
      if (typeof frame === 'string') throw new Error(frame);
      frames.push(frame);
    });
    expect(registry.upgrades[0]!.path).toBe(path);
    const connection = link.openStream();
    const received: string[] = [];
    connection.open({
      onMessage: (text) => received.push(text),
      onWritable: () => undefined,
      onClose: () => undefined,
    });
    connection.send('{"id":1}');
    connection.send('{"id":2}');
    const kinds = () =>
      frames.map(({ body }) =>
        body.kind === 'data' ? `data ${body.seq} ${body.segmentIndex}/${body.segmentCount}` : body.kind,
      );
    await until('three frames', () => frames.length >= 3);
    expect(kinds().slice(0, 3)).toEqual(['resume', 'data 0 0/1', 'data 1 0/1']);
    expect(frames[0]!.body).toEqual({
      kind: 'resume',
      nextSeq: asNumber(asObject(asObject(resume!['frame'])['resume'])['nextSeq']),
    });
    expect(new Set(frames.map(({ streamId }) => streamId)).size).toBe(1);
    expect(frames[0]!.streamId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    // What an old executor answers.
    const body = {
      kind: 'data',
      seq: 0,
      segmentIndex: 0,
      segmentCount: 1,
      payload: Buffer.from('{"id":1,"result":{}}'),
    } as const;
    socket.send(encodeFrame({ streamId: frames[0]!.streamId, ack: 0, ackBits: 0, body }));
    await until('the answer', () => received.length === 1);
    expect(received).toEqual(['{"id":1,"result":{}}']);
  });
});
