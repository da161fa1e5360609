// Relay frames: a harness that breaks every rule of the relay, through a real rendezvous to a real executor.
import { randomUUID } from 'node:crypto';
import { connectRelay } from '../../backend/client/connect.ts';
import { askWayIn } from '../../shared/client/registry-api.ts';
import { processTerminate } from '../../shared/protocol/process.ts';
import { encodeFrame } from '../../shared/relay/codec.ts';
import type { RelayBody } from '../../shared/relay/frame.ts';
import { OwnProgram } from '../helpers/own-program.ts';
import { until, within } from '../helpers/until.ts';
import { RelayPeer } from '../integration/relay/relay-peer.ts';
import { RelayFrameFuzzer } from './relay-frames.ts';
import type { FuzzSuite } from './suite.ts';

const EXECUTOR_ID = 'fuzzed';
const ANSWER_MS = 30_000;
const streamIds = Array.from({ length: 50 }, (_, n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`);
const hello = Buffer.from('{"id":1,"method":"initialize","params":{"clientName":"fuzz"}}');

export const relay: FuzzSuite = {
  name: 'relay frames',
  share: 0.2,
  batch: 2_000,
  generate(random, count) {
    const fuzzer = new RelayFrameFuzzer(random.uint32(), [streamIds[0] ?? '', ...streamIds.slice(1)]);
    return Array.from({ length: count }, () => fuzzer.next());
  },
  async start() {
    const rendezvous = await OwnProgram.listen('serve');
    const executor = await OwnProgram.executor(rendezvous, EXECUTOR_ID, ['--detached-session-ttl-ms', '500']);
    const at = { registry: rendezvous.httpUrl, token: rendezvous.token };
    const neighbour = await connectRelay({ ...at, executorId: EXECUTOR_ID });
    const abuser = await RelayPeer.dial(await askWayIn(at, EXECUTOR_ID));
    return {
      programs: [rendezvous, executor],
      async send(inputs) {
        for (const input of inputs) abuser.socket.send(input);
        // Frames of one socket stay in order: when this stream is answered, all before it were seen.
        const streamId = randomUUID();
        const say = (body: RelayBody): void => {
          abuser.socket.send(encodeFrame({ streamId, ack: 0, ackBits: 0, body }));
        };
        say({ kind: 'data', seq: 0, segmentIndex: 0, segmentCount: 1, payload: hello });
        await until('an answer behind the frames', () => abuser.words(streamId).length > 0 || abuser.close, {
          withinMs: ANSWER_MS,
          everyMs: 2,
        });
        if (abuser.close) throw new Error(`the relay closed the connection with ${String(abuser.close.code)}`);
        say({ kind: 'reset', reason: 'done' });
        abuser.frames.length = 0;
        const asked = neighbour.call(processTerminate, { processId: 'none' });
        await within('the neighbour to be answered', ANSWER_MS, asked);
      },
      async stop() {
        neighbour.close();
        abuser.cut();
        await executor.stop();
        await rendezvous.stop();
      },
    };
  },
};
