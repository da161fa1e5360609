// One simulated run: endpoints, links and a rendezvous on a virtual clock. Throws SimulationFailure when a promise of
// docs/relay.md is broken: each message once, in order, whole; buffers within their bounds; an end in bounded time.

import type { Connection } from '../../shared/connection/connection.ts';
import type { RelayLimits } from '../../shared/relay/limits.ts';
import { RelayMux } from '../../shared/relay/mux.ts';
import type { ReliableStream } from '../../shared/relay/reliable-stream.ts';
import type { StreamConnection } from '../../shared/relay/stream-connection.ts';
import { link, type SimCarrier } from './link.ts';
import { OldPeer } from './old-peer.ts';
import { Random } from './random.ts';
import { RendezvousModel } from './rendezvous-model.ts';
import {
  corpusBytes,
  scenarioOf,
  type PlannedMessage,
  type PlannedPause,
  type PlannedStream,
  type Scenario,
} from './scenario.ts';
import { tracedCarrier } from './traced-carrier.ts';
import { VirtualClock } from './virtual-clock.ts';
import { Writer } from './writer.ts';

/** What every message is a slice of: printable ASCII, so that offsets in bytes and in text are the same. */
const corpus = ((): { bytes: Uint8Array; text: string } => {
  const random = new Random(0xc0ffee);
  const bytes = new Uint8Array(corpusBytes);
  for (let at = 0; at + 4 <= corpusBytes; at += 4) {
    const bits = random.uint32();
    for (let byte = 0; byte < 4; byte++) bytes[at + byte] = 33 + ((bits >>> (byte * 8)) & 0x3f);
  }
  return { bytes, text: new TextDecoder().decode(bytes) };
})();

export class SimulationFailure extends Error {
  constructor(
    readonly scenario: Scenario,
    what: string,
  ) {
    super(`seed ${scenario.seed} (${scenario.cast}): ${what}\nreplay: ${replayCommand(scenario.seed)}`);
  }
}

/** What a person types to see a run again, frame by frame. */
export function replayCommand(seed: number): string {
  return `npx tsx tests/simulation/replay.ts ${seed}`;
}

export interface RunReport {
  readonly virtualMs: number;
  readonly steps: number;
  readonly messages: number;
  readonly bytes: number;
  readonly retransmits: number;
  readonly duplicates: number;
  readonly resumes: number;
}

export interface RunOptions {
  /** Is told of each message and state, for replays. */
  readonly trace?: (line: string) => void;
}

export function simulate(seed: number, options: RunOptions = {}): RunReport {
  return new Run(scenarioOf(seed), options).run();
}

/** One direction of a stream: what was sent and how far it has arrived. */
class Expectation {
  arrived = 0;

  constructor(
    private readonly run: Run,
    private readonly name: string,
    readonly messages: readonly PlannedMessage[],
  ) {}

  get isMet(): boolean {
    return this.arrived === this.messages.length;
  }

  onMessage(text: string): void {
    const planned = this.messages[this.arrived];
    const place = `${this.name} message ${this.arrived}`;
    if (!planned) this.run.fail(`${place}: only ${this.messages.length} were sent, got ${text.length} bytes more`);
    const { offset, length } = planned;
    if (text.length !== length || text !== corpus.text.slice(offset, offset + length)) {
      this.run.fail(`${place}: sent ${length} bytes, got ${text.length} other ones`);
    }
    this.arrived++;
    this.run.trace(`${place} of ${length} bytes arrived`);
  }
}

class Run {
  readonly #clock = new VirtualClock();
  readonly #random: Random;
  readonly #rendezvous = new RendezvousModel();
  readonly #muxes: RelayMux[] = [];
  readonly #connections: StreamConnection[] = [];
  readonly #expectations: Expectation[] = [];
  readonly #sockets = new Map<number, SimCarrier>();
  /** The first stream that ended before we closed it, and why. */
  #failure: string | undefined;
  #isClosing = false;
  #steps = 0;
  readonly #unackedBefore = new Map<ReliableStream, { isOld: boolean; bytes: number; segments: number }>();
  #oldExecutor: OldPeer | undefined;
  readonly #oldHarnesses = new Map<number, OldPeer>();
  #totals = { retransmits: 0, duplicates: 0, resumes: 0 };

  constructor(
    readonly scenario: Scenario,
    private readonly options: RunOptions,
  ) {
    this.#random = new Random(scenario.seed + 0x5eed * 2 ** 32);
  }

  trace(line: string): void {
    this.options.trace?.(`${this.#clock.nowMs().toFixed(2).padStart(10)} ${line}`);
  }

  fail(what: string): never {
    throw new SimulationFailure(this.scenario, what);
  }

  run(): RunReport {
    const { scenario } = this;
    this.trace(JSON.stringify({ ...scenario, streams: scenario.streams.length }));
    this.#startExecutor();
    const harnesses = Array.from({ length: scenario.harnesses }, (_, harness) => this.#startHarness(harness));
    scenario.streams.forEach((planned, index) => {
      this.#clock.setTimer(planned.beginsAtMs, () => this.#begin(planned, index, harnesses[planned.harness]));
    });
    for (const cut of scenario.cuts) this.#clock.setTimer(cut.atMs, () => this.#cut(cut.harness, cut.downMs));
    this.#goOn(
      () => this.#expectations.length === 2 * scenario.streams.length && this.#expectations.every((one) => one.isMet),
    );
    const virtualMs = this.#clock.nowMs();
    this.#closeAll(harnesses);
    return {
      virtualMs,
      steps: this.#steps,
      messages: this.#expectations.reduce((sum, one) => sum + one.messages.length, 0),
      bytes: this.#expectations.reduce(
        (sum, one) => sum + one.messages.reduce((all, { length }) => all + length, 0),
        0,
      ),
      ...this.#totals,
    };
  }

  // ---- Cast ----

  #startExecutor(): void {
    if (this.scenario.cast === 'old_executor') {
      const [inner, outer] = this.#link('executor');
      this.#rendezvous.attachExecutor(outer);
      const peer = new OldPeer('executor', inner, this.scenario.firstSeq);
      this.#oldExecutor = peer;
      const known = new Map<string, Expectation>();
      peer.onMessage = (streamId, text) => {
        let expectation = known.get(streamId);
        if (!expectation) {
          const planned = this.#planned(streamId);
          expectation = this.#expect(streamId, 'to old executor', planned.toExecutor);
          known.set(streamId, expectation);
          this.#writeOld(peer, streamId, planned.toHarness);
        }
        expectation.onMessage(text);
      };
      return;
    }
    const mux = this.#mux('executor', (connection) => {
      const planned = this.#planned(connection.streamId);
      this.#use(connection, planned.toExecutor, planned.executorPauses, planned.toHarness);
    });
    this.#dial(-1, mux);
  }

  #startHarness(harness: number): RelayMux | OldPeer {
    if (this.scenario.cast === 'old_harness') {
      const [inner, outer] = this.#link(`harness ${harness}`);
      this.#rendezvous.attachHarness(harness, outer);
      const peer = new OldPeer('harness', inner, this.scenario.firstSeq);
      this.#oldHarnesses.set(harness, peer);
      const known = new Map<string, Expectation>();
      peer.onMessage = (streamId, text) => {
        let expectation = known.get(streamId);
        if (!expectation) {
          expectation = this.#expect(streamId, 'to old harness', this.#planned(streamId).toHarness);
          known.set(streamId, expectation);
        }
        expectation.onMessage(text);
      };
      peer.onReset = (streamId, reason) => this.#onEnd(`stream ${streamId} reset at the old harness`, reason);
      return peer;
    }
    const mux = this.#mux('harness');
    this.#dial(harness, mux);
    return mux;
  }

  #mux(role: 'harness' | 'executor', onConnection?: (connection: StreamConnection) => void): RelayMux {
    const mux = new RelayMux({
      role,
      label: role,
      clock: this.#clock,
      limits: this.scenario.limits,
      firstSeq: this.scenario.firstSeq,
      ...(onConnection ? { onConnection } : {}),
      onStreamEnd: (streamId, end, stats) => {
        this.#totals.retransmits += stats.retransmits;
        this.#totals.duplicates += stats.duplicates;
        this.#totals.resumes += stats.resumes;
        this.#onEnd(`${role} stream ${streamId} ended by ${end.by}`, end.reason);
      },
    });
    this.#muxes.push(mux);
    return mux;
  }

  #onEnd(what: string, reason: string): void {
    this.trace(`${what}: ${reason}`);
    // A failure inside an event would be lost in the code under test.
    if (!this.#isClosing) this.#failure ??= `${what}: ${reason}`;
  }

  #link(label: string): [SimCarrier, SimCarrier] {
    return link(this.#clock, this.#random, this.scenario.faults, label);
  }

  /** Connects an endpoint of ours to the rendezvous; again after each cut. */
  #dial(harness: number, mux: RelayMux): void {
    const label = harness < 0 ? 'executor' : `harness ${harness}`;
    const [inner, outer] = this.#link(label);
    this.#sockets.set(harness, inner);
    if (harness < 0) this.#rendezvous.attachExecutor(outer);
    else this.#rendezvous.attachHarness(harness, outer);
    mux.attach(this.options.trace ? tracedCarrier(inner, label, (line) => this.trace(line)) : inner);
    this.#redial.set(harness, () => this.#dial(harness, mux));
  }
  readonly #redial = new Map<number, () => void>();

  #cut(harness: number, downMs: number): void {
    const socket = this.#sockets.get(harness);
    const redial = this.#redial.get(harness);
    if (!socket || !redial) return;
    this.#sockets.delete(harness);
    this.trace(`cut ${harness < 0 ? 'executor' : `harness ${harness}`} for ${downMs} ms`);
    socket.cut();
    this.#clock.setTimer(downMs, redial);
  }

  // ---- Streams ----

  #planned(streamId: string): PlannedStream {
    const planned = this.scenario.streams[Number(streamId.replace('stream-', ''))];
    return planned ?? this.fail(`unknown stream ${streamId}`);
  }

  #expect(streamId: string, name: string, messages: readonly PlannedMessage[]): Expectation {
    const expectation = new Expectation(this, `${streamId} ${name}`, messages);
    this.#expectations.push(expectation);
    return expectation;
  }

  #begin(planned: PlannedStream, index: number, harness: RelayMux | OldPeer | undefined): void {
    const streamId = `stream-${index}`;
    if (harness instanceof OldPeer) {
      harness.begin(streamId);
      this.#writeOld(harness, streamId, planned.toExecutor);
      return;
    }
    const connection = harness?.openStream(streamId) ?? this.fail('no harness');
    this.#use(connection, planned.toHarness, planned.harnessPauses, planned.toExecutor);
  }

  #use(
    connection: StreamConnection,
    incoming: readonly PlannedMessage[],
    pauses: readonly PlannedPause[],
    outgoing: readonly PlannedMessage[],
  ): void {
    this.#connections.push(connection);
    const role = connection.stream.role;
    const expectation = this.#expect(connection.streamId, `to ${role}`, incoming);
    const writer = new Writer(this.#clock, connection, corpus.bytes, outgoing);
    connection.open({
      onMessage: (text) => {
        expectation.onMessage(text);
        for (const pause of pauses) {
          if (pause.afterMessages !== expectation.arrived) continue;
          this.trace(`${role} ${connection.streamId} pauses for ${pause.forMs} ms`);
          connection.pause();
          this.#clock.setTimer(pause.forMs, () => connection.resume());
        }
      },
      onWritable: () => writer.goOn(),
      onClose: () => undefined,
    });
    writer.goOn();
  }

  #writeOld(peer: OldPeer, streamId: string, messages: readonly PlannedMessage[]): void {
    let atMs = 0;
    for (const { offset, length, afterMs } of messages) {
      atMs += afterMs;
      this.#clock.setTimer(atMs, () => peer.send(streamId, corpus.bytes.subarray(offset, offset + length)));
    }
  }

  // ---- Time ----

  #goOn(isDone: () => boolean): void {
    while (!isDone()) {
      if (!this.#clock.step(this.scenario.boundMs)) this.#failUnfinished();
      this.#steps++;
      if (this.#failure) this.fail(this.#failure);
      if (this.#steps % 4 === 0) this.#checkBounds();
      if (this.#steps > 2_000_000) this.fail('endless work: 2,000,000 events');
    }
    this.#checkBounds();
    this.#checkOldPeers();
  }

  #failUnfinished(): never {
    const missing = this.#expectations
      .filter((one) => !one.isMet)
      .map((one) => `${one.arrived} of ${one.messages.length}`);
    const states = this.#connections.map((one) => `${one.label} ${JSON.stringify(one.stats)}`);
    return this.fail(`not done after ${this.scenario.boundMs} ms: ${missing.join(', ')} arrived\n${states.join('\n')}`);
  }

  #checkBounds(): void {
    for (const mux of this.#muxes) {
      const limits = mux.limits;
      let booked = 0;
      for (const connection of mux.connections()) {
        booked += connection.stream.receiveBytes;
        this.#checkStream(connection, limits);
      }
      if (mux.stats.receiveBytes < booked) this.fail(`${mux.role} booked ${mux.stats.receiveBytes} of ${booked} bytes`);
    }
    if (this.#rendezvous.faults > 0) this.fail('an endpoint sent a frame that no rendezvous can route');
  }

  #checkStream({ stream, label }: StreamConnection, limits: RelayLimits): void {
    const { stats } = stream;
    const check = (name: string, value: number, bound: number) => {
      if (value > bound || value < 0) this.fail(`${label}: ${name} is ${value}, bound ${bound}`);
    };
    const longest = 8 * 1024 * 1024;
    check('earlyBytes', stats.earlyBytes, limits.reorderBytes);
    check('reassemblyBytes', stats.reassemblyBytes, longest);
    const isOld = stats.peer !== 'reliable';
    const before = this.#unackedBefore.get(stream) ?? { isOld: true, bytes: 0, segments: 0 };
    // What left before the peer proved reliable may be more than the window: then it must shrink.
    const bytes =
      isOld || before.isOld ? limits.unprovenTailBytes + longest : Math.max(limits.windowBytes, before.bytes);
    const segments =
      isOld || before.isOld ? limits.unprovenTailSegments : Math.max(limits.windowSegments, before.segments);
    const oneSegmentOfAnySize = stats.unackedSegments === 1 ? longest : 0;
    check('unackedBytes', stats.unackedBytes, Math.max(bytes, oneSegmentOfAnySize));
    check('unackedSegments', stats.unackedSegments, segments);
    this.#unackedBefore.set(stream, { isOld, bytes: stats.unackedBytes, segments: stats.unackedSegments });
    check(
      'unreadBytes',
      stats.unreadBytes,
      (isOld ? limits.maxUnreadBytesOfOldPeer : limits.maxUnreadBytes) + 2 * longest,
    );
  }

  #checkOldPeers(): void {
    for (const peer of [this.#oldExecutor, ...this.#oldHarnesses.values()]) {
      if (peer?.fault) this.fail(`an old peer was sent what it does not understand: ${peer.fault}`);
    }
  }

  /** Nothing may be left: all streams end on both sides, though the resets themselves may be lost. */
  #closeAll(harnesses: readonly (RelayMux | OldPeer)[]): void {
    this.#isClosing = true;
    for (const connection of this.#connections)
      if (connection.stream.role === 'harness') (connection as Connection).close();
    if (harnesses.some((harness) => harness instanceof OldPeer)) {
      for (const connection of this.#connections) connection.close();
    }
    const boundMs = this.#clock.nowMs() + 300_000;
    while (this.#muxes.some((mux) => mux.streamCount > 0)) {
      if (!this.#clock.step(boundMs))
        this.fail(`streams are left: ${this.#muxes.map((mux) => mux.streamCount).join(', ')}`);
      this.#steps++;
    }
    for (const mux of this.#muxes) {
      if (mux.stats.receiveBytes !== 0) this.fail(`${mux.role} still holds ${mux.stats.receiveBytes} bytes`);
    }
    for (const connection of this.#connections) {
      if (!connection.isClosed) connection.resume();
    }
  }
}
