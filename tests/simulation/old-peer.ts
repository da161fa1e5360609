// Endpoints as Codex 0.131 has them (docs/protocol.md, "Remote mode"): whole messages only, no acknowledgement, nothing
// resent, suppressed or reordered. A harness of that kind is ended by a frame that it does not understand.

import { utf8Decode } from '../../shared/bytes.ts';
import type { FrameCarrier } from '../../shared/relay/carrier.ts';
import { decodeFrame, encodeFrame } from '../../shared/relay/codec.ts';
import type { RelayRole } from '../../shared/relay/stream-types.ts';

export class OldPeer {
  readonly #nextSeqs = new Map<string, number>();
  onMessage: (streamId: string, text: string) => void = () => undefined;
  onReset: (streamId: string, reason: string) => void = () => undefined;
  /** What it met that it takes for an error. */
  fault: string | undefined;

  constructor(
    private readonly role: RelayRole,
    private readonly carrier: FrameCarrier,
    private readonly firstSeq: number,
  ) {
    carrier.open({
      onFrame: (bytes) => this.#receive(bytes),
      onWritable: () => undefined,
      onClose: () => undefined,
    });
  }

  /** Harness only. */
  begin(streamId: string): void {
    this.carrier.send(encodeFrame({ streamId, ack: 0, ackBits: 0, body: { kind: 'resume', nextSeq: this.firstSeq } }));
  }

  send(streamId: string, payload: Uint8Array): void {
    const seq = this.#nextSeqs.get(streamId) ?? this.firstSeq;
    this.#nextSeqs.set(streamId, (seq + 1) >>> 0);
    const body = { kind: 'data', seq, segmentIndex: 0, segmentCount: 1, payload } as const;
    this.carrier.send(encodeFrame({ streamId, ack: 0, ackBits: 0, body }));
  }

  #receive(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (typeof frame === 'string') {
      if (this.role === 'harness') this.fault = frame;
      return;
    }
    const { streamId, body } = frame;
    if (body.kind === 'handshake') this.fault = 'handshake';
    if (body.kind === 'reset') this.onReset(streamId, body.reason);
    if (body.kind !== 'data') return;
    if (body.segmentIndex !== 0 || body.segmentCount !== 1) {
      // A harness ends its connection, an executor loses the message: wrong in either case.
      this.fault = 'segmented';
      return;
    }
    this.onMessage(streamId, utf8Decode(body.payload));
  }
}
