// Plays a recording of a terminal on a screen of its own: on and off, faster and slower, from anywhere. Loaded on demand.

import { utf8Encode } from '../../../shared/bytes.ts';
import { parseCast, parseSize, type Cast } from '../lib/cast.ts';
import { exitText } from '../lib/format.ts';
import { Screen } from '../lib/screen.ts';
import { settings } from './settings.svelte.ts';

export const speeds = [0.5, 1, 2, 4, 8] as const;

/** The position is shown, and what is due by then written, this often, ms. */
const tickMs = 40;

export class CastPlayer {
  isPlaying = $state(false);
  /** Since the start of the recording, ms. */
  positionMs = $state(0);
  speed = $state<number>(1);
  readonly title: string;
  readonly durationMs: number;
  readonly screen: Screen;
  readonly #cast: Cast;
  /** The first event that has not been written. */
  #next = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #tickedAtMs = 0;

  /** @throws Error that says what is wrong with the recording */
  constructor(
    readonly id: string,
    name: string,
    text: string,
  ) {
    this.#cast = parseCast(text);
    this.title = this.#cast.title?.trim() || name;
    this.durationMs = this.#cast.durationMs;
    this.screen = new Screen(settings.screenLook, {
      takesInput: false,
      isRaw: true,
      name: `Recording: ${this.title}`,
      // Answers to what the recording asks of its terminal.
      onInput: () => undefined,
      onResize: () => undefined,
      onTitle: () => undefined,
    });
    this.#start();
  }

  /** From the start again, once it is at its end. */
  play(): void {
    if (this.isPlaying) return;
    if (this.positionMs >= this.durationMs) this.seek(0);
    this.isPlaying = true;
    this.#tickedAtMs = performance.now();
    this.#tick();
  }

  pause(): void {
    this.isPlaying = false;
    clearTimeout(this.#timer);
  }

  /** @param positionMs from 0 to `durationMs` */
  seek(positionMs: number): void {
    if (positionMs < this.positionMs) this.#start();
    this.positionMs = positionMs;
    this.#writeDue();
  }

  dispose(): void {
    this.pause();
    this.screen.dispose();
  }

  #start(): void {
    this.#next = 0;
    this.screen.reset();
    this.screen.fixedTo = this.#cast.size;
    this.screen.fit();
  }

  #tick(): void {
    const nowMs = performance.now();
    this.positionMs = Math.min(this.durationMs, this.positionMs + (nowMs - this.#tickedAtMs) * this.speed);
    this.#tickedAtMs = nowMs;
    this.#writeDue();
    if (this.positionMs >= this.durationMs) this.pause();
    else this.#timer = setTimeout(() => this.#tick(), tickMs);
  }

  /** Everything up to the position. */
  #writeDue(): void {
    const { events } = this.#cast;
    let output = '';
    const write = () => {
      if (output !== '') this.screen.write(utf8Encode(output));
      output = '';
    };
    for (let event = events[this.#next]; event && event.atMs <= this.positionMs; event = events[++this.#next]) {
      if (event.code === 'o') output += event.text;
      else if (event.code === 'r') {
        write();
        this.screen.fixedTo = parseSize(event.text);
        this.screen.fit();
      } else {
        write();
        this.screen.note(event.text === '' ? 'ended' : exitText(Number(event.text)));
      }
    }
    write();
  }
}
