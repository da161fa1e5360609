// The links that are bad on purpose at this page's server, wherever they were made so: another tab or the command line may
// have done it. Everybody has to see that, in whatever view, so it is looked up all the time the page is seen. Loaded with
// the badge in the header.

import type { ImpairmentsSettings } from '../../../shared/relay/impairment-settings.ts';
import { linkName } from '../lib/relay/presets.ts';
import { relayApi } from '../lib/relay/relay-api.ts';

export interface BadLink {
  readonly executorId: string;
  readonly settings: ImpairmentsSettings;
  /** Of a preset, or "custom". */
  readonly name: string;
}

/** How often it is looked up, ms. */
const lookMs = 3000;

class RelayState {
  badLinks = $state.raw<readonly BadLink[]>([]);
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Only the newest look tells. */
  #lookCount = 0;

  constructor() {
    void this.#look();
    document.addEventListener('visibilitychange', () => void this.#look());
  }

  badLinkOf(executorId: string): BadLink | undefined {
    return this.badLinks.find((link) => link.executorId === executorId);
  }

  /** Undefined makes the link good again. @throws LocalError when the server does not do it. */
  async impair(executorId: string, settings: ImpairmentsSettings | undefined): Promise<void> {
    await relayApi.impair(executorId, settings);
    await this.#look();
  }

  /** Makes all links good again. @throws LocalError */
  async resetAll(): Promise<void> {
    try {
      await Promise.all(this.badLinks.map(({ executorId }) => relayApi.impair(executorId, undefined)));
    } finally {
      await this.#look();
    }
  }

  #lookLater(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), lookMs);
  }

  /** A server that does not answer is told of elsewhere: what is known stays. */
  async #look(): Promise<void> {
    const look = ++this.#lookCount;
    try {
      if (document.hidden) return;
      const links: BadLink[] = [];
      for (const executorId of await relayApi.impairedExecutors()) {
        const settings = await relayApi.impairment(executorId);
        if (settings) links.push({ executorId, settings, name: linkName(settings) });
      }
      if (look === this.#lookCount) this.badLinks = links;
    } catch {
      // The next look tells.
    } finally {
      if (look === this.#lookCount) this.#lookLater();
    }
  }
}

export const relay = new RelayState();
