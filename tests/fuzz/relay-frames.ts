// Frames as a hostile harness sends them: of every kind, in and out of sense, some bytes changed, some cut short. Endless,
// and the same for the same seed.

import { encodeFrame } from '../../shared/relay/codec.ts';
import type { RelayBody } from '../../shared/relay/frame.ts';
import { Random } from '../simulation/random.ts';

const data = (seq: number, segmentIndex: number, segmentCount: number, payload: string): RelayBody => ({
  kind: 'data',
  seq,
  segmentIndex,
  segmentCount,
  payload: Buffer.from(payload),
});

const bodies: readonly [RelayBody, ...RelayBody[]] = [
  data(0, 0, 1, '{"id":1,"method":"initialize","params":{"clientName":"fuzzer"}}'),
  data(1, 0, 3, 'x'.repeat(200)),
  data(0xffffffff, 2, 3, 'y'),
  data(2, 0, 0xffffffff, 'z'),
  { kind: 'ackFrame' },
  { kind: 'resume', nextSeq: 5 },
  { kind: 'reset', reason: 'why' },
  { kind: 'heartbeat' },
  { kind: 'handshake', payload: Buffer.from('noise') },
];

export class RelayFrameFuzzer {
  readonly #random: Random;

  /** @param streamIds those that it uses: few, so that frames meet each other. */
  constructor(
    seed: number,
    private readonly streamIds: readonly [string, ...string[]],
  ) {
    this.#random = new Random(seed);
  }

  next(): Uint8Array {
    const random = this.#random;
    const body = random.pick(bodies);
    const ack = random.chance(0.05) ? random.uint32() : random.between(0, 2);
    const ackBits = random.chance(0.05) ? random.uint32() : random.between(0, 3);
    const frame = encodeFrame({ streamId: random.pick(this.streamIds), ack, ackBits, body });
    for (let changes = random.between(0, 3); changes > 0; changes--) {
      frame[random.between(0, frame.length - 1)] = random.between(0, 255);
    }
    return random.chance(0.1) ? frame.subarray(0, random.between(0, frame.length - 1)) : frame;
  }
}
