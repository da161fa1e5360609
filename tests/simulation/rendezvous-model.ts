// A rendezvous as relay.md wants it, reduced to routing: it stores, orders and resends nothing, and opens no payload.

import type { FrameCarrier } from '../../shared/relay/carrier.ts';
import { peekRoute } from '../../shared/relay/codec.ts';

export class RendezvousModel {
  #executor: FrameCarrier | undefined;
  /** By number of the harness. */
  readonly #harnesses = new Map<number, FrameCarrier>();
  readonly #owners = new Map<string, number>();
  /** Frames that it could not route; endpoints of ours never send any. */
  faults = 0;

  attachExecutor(carrier: FrameCarrier): void {
    this.#executor = carrier;
    carrier.open({
      onFrame: (bytes) => {
        const route = peekRoute(bytes);
        if (typeof route === 'string') this.faults++;
        else this.#harnesses.get(this.#owners.get(route.streamId) ?? -1)?.send(bytes);
      },
      onWritable: () => undefined,
      onClose: () => {
        if (this.#executor === carrier) this.#executor = undefined;
      },
    });
  }

  attachHarness(harness: number, carrier: FrameCarrier): void {
    this.#harnesses.set(harness, carrier);
    carrier.open({
      onFrame: (bytes) => {
        const route = peekRoute(bytes);
        if (typeof route === 'string') {
          this.faults++;
          return;
        }
        if (!this.#owners.has(route.streamId)) this.#owners.set(route.streamId, harness);
        this.#executor?.send(bytes);
      },
      onWritable: () => undefined,
      onClose: () => {
        if (this.#harnesses.get(harness) === carrier) this.#harnesses.delete(harness);
      },
    });
  }
}
