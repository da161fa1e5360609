// The application at one end of a simulated stream, as far as it sends.

import type { Connection } from '../../shared/connection/connection.ts';
import type { PlannedMessage } from './scenario.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** Writes its messages as an application does: stops when told to, goes on when told to. */
export class Writer {
  #next = 0;
  #waitsForTime = false;

  constructor(
    private readonly clock: VirtualClock,
    private readonly connection: Connection,
    /** What every message is a slice of. */
    private readonly corpus: Uint8Array,
    private readonly messages: readonly PlannedMessage[],
  ) {}

  goOn(): void {
    while (!this.#waitsForTime) {
      const message = this.messages[this.#next];
      if (!message) return;
      if (message.afterMs > 0) {
        this.#waitsForTime = true;
        this.clock.setTimer(message.afterMs, () => {
          this.#waitsForTime = false;
          if (this.#write(message)) this.goOn();
        });
        return;
      }
      if (!this.#write(message)) return;
    }
  }

  #write({ offset, length }: PlannedMessage): boolean {
    this.#next++;
    return this.connection.send(this.corpus.subarray(offset, offset + length));
  }
}
