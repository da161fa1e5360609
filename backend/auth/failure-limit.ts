// How often an address may send wrong tokens: guessing is slowed to what is allowed per minute.

import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';

const windowMs = 60_000;
/** More addresses than this are not remembered; the oldest go. */
const maxAddresses = 10_000;

interface Failures {
  count: number;
  readonly sinceMs: number;
  /** Digests of cookies that were counted. */
  readonly cookies: Set<string>;
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
    if (!failures || failures.count < this.perMinute) return 0;
    return Math.ceil((failures.sinceMs + windowMs - this.nowMs()) / 1000);
  }

  /**
   * @param cookie the wrong token, if a cookie held it. The same one again does not count: a page that a former server has
   * opened sends it again and again, and must not lock its user out.
   */
  failed(address: string, cookie?: string): void {
    if (this.perMinute === 0) return;
    const failures = this.#ofAddress(keyOf(address));
    if (cookie !== undefined) {
      const digest = createHash('sha256').update(cookie).digest('base64');
      if (failures.cookies.has(digest)) return;
      failures.cookies.add(digest);
    }
    failures.count++;
  }

  #ofAddress(key: string): Failures {
    const known = this.#current(key);
    if (known) return known;
    if (this.#failures.size >= maxAddresses) {
      const [oldest] = this.#failures.keys();
      if (oldest !== undefined) this.#failures.delete(oldest);
    }
    const failures: Failures = { count: 0, sinceMs: this.nowMs(), cookies: new Set() };
    this.#failures.set(key, failures);
    return failures;
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
