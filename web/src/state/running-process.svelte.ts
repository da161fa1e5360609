// One process as the page shows it, from the wish to start it to its end, with its screen.
//
//   starting   answer | error         running | failed
//   running    exited and closed      ended
//   running    the session is gone    lost
//
// `ended`, `lost` and `failed` are final; what is kept of them survives a reload. Loaded on demand, with the screen.

import type { ExecServerClient } from '../../../shared/client/harness.ts';
import type { LostOutput, OutputBytes, ProcessHandle } from '../../../shared/client/process-handle.ts';
import { utf8Encode } from '../../../shared/bytes.ts';
import { explainAction, explainStart, type Explanation } from '../lib/explain-error.ts';
import { bytesText, exitText, groupDigits } from '../lib/format.ts';
import { fixedSize, launchTitle, startParams, type Launch, type TerminalSize } from '../lib/launch.ts';
import { PipeFormatter } from '../lib/pipe-format.ts';
import { TerminalRecording } from '../lib/terminal-recording.ts';
import { Screen } from '../lib/screen.ts';
import { announcer } from './announcer.svelte.ts';
import type { ServerConnection } from './connections.svelte.ts';
import { settings } from './settings.svelte.ts';

export type ProcessStatus = 'starting' | 'running' | 'ended' | 'lost' | 'failed';

/** SIGKILL this long after SIGTERM, ms. */
const terminateGraceMs = 5000;
/** Counters are shown this often, ms: output comes in thousands of chunks a second. */
const countersMs = 250;
/** A place that is dragged has many sizes: the process hears of the last one, ms. */
const resizePauseMs = 60;
/** Input is sent in pieces of this many bytes, so that a large paste does not hold up a Ctrl-C. */
const inputPieceBytes = 256 * 1024;
const maxTitleLength = 120;

export class RunningProcess {
  status = $state<ProcessStatus>('starting');
  exitCode = $state<number | undefined>();
  problem = $state.raw<Explanation | undefined>();
  /** Why it is lost. */
  lostReason = $state('');
  outputBytes = $state(0);
  /** Bytes that could not be shown: not kept by the server, or too many at a time. */
  lostBytes = $state(0);
  endedAtMs = $state<number | undefined>();
  size = $state.raw<TerminalSize>(fixedSize);
  isStdinOpen = $state(false);
  /** The server cannot tell it of another size than 80×24. */
  hasFixedSize = $state(false);
  /** Number of the last chunk of output. */
  lastSeq = $state(0);
  /** The bar that finds text in its screen is open. */
  isFinding = $state(false);
  /** Set by the program, by an escape sequence. */
  #ownTitle = $state('');
  startedAtMs: number;
  readonly screen: Screen;
  #handle: ProcessHandle | undefined;
  /** Resolves when there is a handle, or when there will be none: what is typed before the answer waits for it. */
  readonly #begun: Promise<void>;
  #begin: () => void = () => undefined;
  #outputBytes = 0;
  #leftOutBytes = 0;
  /** Given to the screen and not yet drawn. */
  #waitingBytes = 0;
  #countersTimer: ReturnType<typeof setTimeout> | undefined;
  #resizeTimer: ReturnType<typeof setTimeout> | undefined;
  #lastSeq = 0;
  readonly #formatter = new PipeFormatter();
  readonly #recording: TerminalRecording;

  constructor(
    readonly connection: ServerConnection,
    readonly id: string,
    readonly launch: Launch,
    startedAtMs = Date.now(),
  ) {
    this.startedAtMs = startedAtMs;
    this.#recording = new TerminalRecording({ isRaw: launch.isTerminal });
    this.#begun = new Promise((resolve) => (this.#begin = resolve));
    this.isStdinOpen = launch.isTerminal || launch.keepsStdin;
    this.screen = new Screen(settings.screenLook, {
      takesInput: launch.isTerminal,
      isRaw: launch.isTerminal,
      name: `Terminal: ${launchTitle(launch)}`,
      onInput: (bytes) => void this.#input(bytes),
      onResize: (size) => this.#resized(size),
      onTitle: (title) => (this.#ownTitle = title.slice(0, maxTitleLength)),
    });
  }

  get title(): string {
    return this.#ownTitle.trim() || launchTitle(this.launch);
  }

  get isOver(): boolean {
    return this.status === 'ended' || this.status === 'lost' || this.status === 'failed';
  }

  /** "running", "exit 0", "exit 137 · SIGKILL", "lost", "not started" */
  get statusText(): string {
    switch (this.status) {
      case 'starting':
        return 'starting';
      case 'running':
        return this.exitCode === undefined ? 'running' : `${exitText(this.exitCode)}, output still open`;
      case 'ended':
        return this.exitCode === undefined ? 'ended' : exitText(this.exitCode);
      case 'lost':
        return 'lost';
      case 'failed':
        return 'not started';
    }
  }

  async start(client: ExecServerClient): Promise<void> {
    const { connection, launch } = this;
    try {
      this.#fit();
      const { traits } = connection;
      const firstSize = traits.takesSize ? this.screen.size : fixedSize;
      this.#handle = await client.start(startParams(launch, this.id, traits, firstSize), this.#listener);
      if (this.status === 'starting') this.status = 'running';
      const { size } = this.screen;
      if (size.cols !== firstSize.cols || size.rows !== firstSize.rows) this.#resized(size);
      else this.size = size;
    } catch (error) {
      this.#end('failed');
      this.problem = explainStart(error);
      announcer.say(`${this.title} was not started: ${this.problem.detail}`);
    }
    this.#begin();
  }

  /** Follows it after a reload or a new connection: all that the server still has is shown anew. */
  async resume(client: ExecServerClient): Promise<void> {
    this.screen.reset();
    this.#recording.clear();
    this.#fit();
    this.#outputBytes = 0;
    if (this.status === 'starting') this.status = 'running';
    this.#handle = client.adopt(this.id, this.#listener);
    this.#begin();
    await this.#handle.catchUp();
    if (this.status === 'running') this.#resized(this.screen.size);
  }

  /** It was over before the page was loaded. */
  restoreEnd(status: 'ended' | 'lost', exitCode: number | undefined, endedAtMs: number | undefined): void {
    this.exitCode = exitCode;
    this.#end(status);
    this.endedAtMs = endedAtMs;
  }

  /** The session that had it is gone. */
  lose(reason: string): void {
    if (this.isOver) {
      this.screen.note('its output is no longer kept by the server');
      return;
    }
    this.lostReason = reason;
    this.screen.note(`this process is gone: ${reason}`);
    this.#end('lost');
    announcer.say(`${this.title}: ${reason}`);
  }

  /** A line for stdin, shown beside the output. */
  async sendLine(text: string): Promise<void> {
    this.screen.write(this.#formatter.typed(text));
    await this.#input(utf8Encode(`${text}\n`));
  }

  /** Keys of the key bar. */
  sendKeys(text: string): void {
    void this.#input(utf8Encode(text));
  }

  async closeStdin(): Promise<void> {
    await this.#act('close stdin', async (handle) => {
      await handle.closeStdin();
      if (!this.launch.isTerminal) this.isStdinOpen = false;
    });
  }

  async interrupt(): Promise<void> {
    // A terminal's own way reaches whatever is in its foreground, and servers of all ages know it.
    if (this.launch.isTerminal) await this.#input(Uint8Array.of(3));
    else await this.#act('interrupt it', (handle) => handle.interrupt());
  }

  /** By `process/signal`: to the group that was started, which may not be what is in the foreground of a terminal. */
  async signalGroup(): Promise<void> {
    await this.#act('send the signal', (handle) => handle.signal('interrupt'));
  }

  async terminate(): Promise<void> {
    await this.#act('end it', (handle) => handle.terminate({ graceMs: terminateGraceMs }));
  }

  async kill(): Promise<void> {
    await this.#act('kill it', (handle) => handle.terminate());
  }

  /** What was shown, with its times, as asciicast v3: since it was started, or since the page was loaded. */
  asciicast(): string {
    return this.#recording.asciicast({ size: this.size, title: this.title, startedAtMs: this.startedAtMs });
  }

  clearProblem(): void {
    this.problem = undefined;
  }

  dispose(): void {
    clearTimeout(this.#countersTimer);
    clearTimeout(this.#resizeTimer);
    this.screen.dispose();
    // It will not say any more that they are drawn.
    this.connection.flow.drawn(this.#waitingBytes);
  }

  readonly #listener = {
    onOutput: (output: OutputBytes) => this.#output(output),
    onLost: (lost: LostOutput) => this.#lost(lost),
    onExited: (exitCode: number) => (this.exitCode = exitCode),
    onClosed: () => this.#closed(),
    onAbandoned: (reason: string) => {
      // Who disconnects may connect again, and find it running.
      if (this.connection.status !== 'disconnected') this.lose(reason);
    },
  };

  #output({ seq, stream, bytes }: OutputBytes): void {
    this.#outputBytes += bytes.length;
    this.#lastSeq = seq;
    this.#showCountersSoon();
    if (!this.connection.flow.admit(bytes.length)) {
      this.#leftOutBytes += bytes.length;
      return;
    }
    this.#tellLeftOut();
    const shown = stream === 'pty' ? bytes : this.#formatter.output(stream, bytes);
    const cameAtMs = performance.now();
    this.#recording.output(shown, cameAtMs);
    this.#waitingBytes += bytes.length;
    this.screen.write(shown, () => {
      this.#waitingBytes -= bytes.length;
      this.connection.flow.drawn(bytes.length);
      this.connection.traffic.drawn(performance.now() - cameAtMs);
    });
  }

  #tellLeftOut(): void {
    if (this.#leftOutBytes === 0) return;
    this.screen.note(`${groupDigits(this.#leftOutBytes)} bytes came too fast and were left out`);
    this.lostBytes += this.#leftOutBytes;
    this.#leftOutBytes = 0;
  }

  #lost({ bytes }: LostOutput): void {
    const amount = bytes === undefined ? 'output' : `${groupDigits(bytes)} bytes of output`;
    this.screen.note(`${amount} before this: no longer kept by the server`);
    this.lostBytes += bytes ?? 0;
    announcer.say(`${this.title}: ${bytes === undefined ? 'some output' : bytesText(bytes)} was lost`);
  }

  #closed(): void {
    this.#tellLeftOut();
    if (this.isOver) return;
    this.#recording.exit(this.exitCode, performance.now());
    this.screen.note(this.exitCode === undefined ? 'ended' : exitText(this.exitCode));
    this.#end('ended');
    announcer.say(`${this.title}: ${this.statusText}`);
  }

  #end(status: 'ended' | 'lost' | 'failed'): void {
    this.status = status;
    this.endedAtMs = Date.now();
    this.isStdinOpen = false;
    this.screen.stopInput();
    this.#showCounters();
  }

  async #input(bytes: Uint8Array): Promise<void> {
    if (this.isOver) return;
    // Reconnecting is one key away: what is typed into a dropped terminal cannot arrive.
    if (this.connection.status === 'reconnecting') {
      if (bytes.length === 1 && bytes[0] === 13) this.connection.reconnectNow();
      return;
    }
    await this.#act('send the input', async (handle) => {
      for (let start = 0; start < bytes.length; start += inputPieceBytes) {
        const status = await handle.write(bytes.subarray(start, start + inputPieceBytes));
        if (status === 'accepted') continue;
        // It has ended, or closed its input: `exited` follows or has come.
        this.isStdinOpen &&= status !== 'stdinClosed' || this.launch.isTerminal;
        if (status === 'stdinClosed' && !this.launch.isTerminal) throw new Error('its stdin is closed');
        return;
      }
    });
  }

  async #act(what: string, act: (handle: ProcessHandle) => Promise<unknown>): Promise<void> {
    if (!this.#handle) await this.#begun;
    if (!this.#handle || this.isOver) return;
    try {
      await act(this.#handle);
    } catch (error) {
      // A process that has ended meanwhile is no news.
      if (!this.isOver) this.problem = explainAction(what, error);
    }
  }

  #fit(): void {
    this.hasFixedSize = this.launch.isTerminal && !this.connection.supports('process/resize');
    this.screen.fixedTo = this.hasFixedSize ? fixedSize : this.launch.isTerminal ? this.launch.size : undefined;
    this.screen.fit();
  }

  #resized(size: TerminalSize): void {
    this.size = size;
    if (!this.isOver) this.#recording.resize(size, performance.now());
    clearTimeout(this.#resizeTimer);
    if (!this.launch.isTerminal || this.hasFixedSize || !this.#handle || this.isOver) return;
    this.#resizeTimer = setTimeout(() => {
      // Without a connection: told by `resume`, or the next time.
      this.#handle?.resize(size.rows, size.cols).catch(() => undefined);
    }, resizePauseMs);
  }

  #showCountersSoon(): void {
    this.#countersTimer ??= setTimeout(() => this.#showCounters(), countersMs);
  }

  #showCounters(): void {
    clearTimeout(this.#countersTimer);
    this.#countersTimer = undefined;
    this.outputBytes = this.#outputBytes;
    this.lastSeq = this.#lastSeq;
  }
}
