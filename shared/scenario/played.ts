// One connection of a scenario that is played: what is expected of it so far, and what came.

import { timerMs } from '../limits.ts';
import { jsonOrText, type Json } from './json.ts';
import type { ScenarioLink } from './run.ts';
import type { RecvStep } from './scenario.ts';

export class Played {
  readonly steps: RecvStep[] = [];
  readonly received: Json[] = [];
  end: { readonly code?: number; readonly reason: string } | undefined;
  readonly #sent: string[] = [];
  #changed: () => void = () => undefined;

  constructor(readonly link: ScenarioLink) {
    link.onMessage = (text) => {
      this.received.push(jsonOrText(text));
      this.#changed();
    };
    void link.ended.then((end) => {
      this.end = end;
      this.#changed();
    });
  }

  send(text: string): void {
    this.#sent.push(text);
    this.link.sendText(text);
  }

  /** @returns `stem`, or `stem-2` …: a text that nobody has said here, so that it can be the id of one more request. */
  unusedId(stem: string): string {
    const said = [...this.#sent, ...this.received.map((message) => JSON.stringify(message))];
    const isSaid = (id: string) => said.some((text) => text.includes(`"${id}"`));
    let number = 1;
    let id = stem;
    while (isSaid(id)) id = `${stem}-${++number}`;
    return id;
  }

  /** @returns whether `holds` came true before the deadline and before the connection ended. */
  async wait(holds: () => boolean, deadlineMs: number, signal?: AbortSignal): Promise<boolean> {
    const deadline = performance.now() + deadlineMs;
    while (!holds() && this.end === undefined) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0 || signal?.aborted) break;
      const { promise, stop } = stoppableDelay(leftMs, signal);
      this.#changed = stop;
      await promise;
    }
    return holds();
  }
}

/** A pause that `stop` or the signal ends early. */
export function stoppableDelay(ms: number, signal?: AbortSignal): { promise: Promise<void>; stop: () => void } {
  let stop: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    stop = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      resolve();
    };
    const timer = setTimeout(stop, timerMs(ms));
    signal?.addEventListener('abort', stop);
  });
  return { promise, stop };
}
