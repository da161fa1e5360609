// How often an address may send wrong tokens: guessing is slowed to what is allowed per minute.

import { isIPv6 } from 'node:net';

const windowMs = 60_000;
/** More addresses than this are not remembered; the oldest go. */
const maxAddresses = 10_000;

interface Failures {
  count: number;
  readonly sinceMs: number;
}

export class FailureLimit {
  readonly #failures = new Map<string, Failures>();

  /** @param perMinute wrong tokens of one address; 0: no limit. */
  constructor(
    private readonly perMinute: number,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** @returns how many seconds `address` has to wait; 0: it may go on. */
  waitSec(address: string): number {
    const failures = this.#current(keyOf(address));
    if (!failures || this.perMinute === 0 || failures.count < this.perMinute) return 0;
    return Math.ceil((failures.sinceMs + windowMs - this.nowMs()) / 1000);
  }

  failed(address: string): void {
    const key = keyOf(address);
    const failures = this.#current(key);
    if (failures) {
      failures.count++;
      return;
    }
    if (this.#failures.size >= maxAddresses) {
      const [oldest] = this.#failures.keys();
      if (oldest !== undefined) this.#failures.delete(oldest);
    }
    this.#failures.set(key, { count: 1, sinceMs: this.nowMs() });
  }

  #current(key: string): Failures | undefined {
    const failures = this.#failures.get(key);
    if (!failures || this.nowMs() - failures.sinceMs < windowMs) return failures;
    this.#failures.delete(key);
    return undefined;
  }
}

/** One user of IPv6 has a whole /64. */
function keyOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  const [head = ''] = address.split('::', 1);
  return head.split(':').slice(0, 4).join(':');
}
