// Carries our stdin to a process: in order, a few pieces on the way at a time, and after a resumed connection again what was not
// acknowledged. A write carries an id, so that none is written twice.

import { base64Encode } from '../../../shared/bytes.ts';
import type { ExecServerClient } from '../../../shared/client/harness.ts';
import { isMethodNotFound } from '../../../shared/client/files.ts';
import { LocalError } from '../../../shared/errors.ts';
import { processCloseStdin, processWrite } from '../../../shared/protocol/process.ts';

/** Pieces that wait for their answer at a time. */
const windowPieces = 8;

interface Piece {
  readonly chunk: string;
  readonly writeId: string;
}

export class InputPump {
  /** Sent or to be sent, oldest first; the first `#sent` are on their way. */
  readonly #pieces: Piece[] = [];
  #isEnded = false;
  /** The process takes no more. */
  #isRefused = false;
  #wakeReader: (() => void) | undefined;
  #idle: (() => void)[] = [];
  #isRunning = false;

  /** @param onProblem told once, when input was lost or cannot be ended. */
  constructor(
    private readonly client: ExecServerClient,
    private readonly processId: string,
    private readonly onProblem: (problem: string) => void,
  ) {}

  /** Reads `source` to its end, at the pace of the process, and ends the input of the process then. */
  async pump(source: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const bytes of source) {
      await this.write(bytes);
      if (this.#isRefused) return;
    }
    await this.#whenIdle();
    if (!this.#isRefused) await this.#closeStdin();
  }

  /** Resolves when there is room for more. Never rejects. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#isRefused || bytes.length === 0) return;
    this.#pieces.push({ chunk: base64Encode(bytes), writeId: this.client.nextWriteId() });
    void this.#run();
    if (this.#pieces.length > windowPieces) await new Promise<void>((resolve) => (this.#wakeReader = resolve));
  }

  /** Sends what waits, a window at a time, until nothing does. */
  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const onWay: { readonly piece: Piece; readonly answer: Promise<string> }[] = [];
    while (this.#pieces.length > 0 && !this.#isRefused) {
      for (const piece of this.#pieces.slice(onWay.length, windowPieces)) {
        const answer = this.#send(piece);
        answer.catch(() => undefined); // looked at in its turn
        onWay.push({ piece, answer });
      }
      try {
        this.#judge(await onWay[0]?.answer);
        onWay.shift();
        this.#pieces.shift();
        this.#wakeReader?.();
      } catch (error) {
        onWay.length = 0;
        await this.#recover(error);
      }
    }
    this.#isRunning = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #send({ chunk, writeId }: Piece): Promise<string> {
    return (await this.client.call(processWrite, { processId: this.processId, chunk, writeId })).status;
  }

  #judge(status: string | undefined): void {
    if (status !== 'accepted' && status !== 'starting') this.#refuse();
  }

  /** After a lost connection the unanswered writes are sent again, where the server knows their ids. */
  async #recover(error: unknown): Promise<void> {
    const isLost = error instanceof LocalError && error.code === 'closed' && !this.client.isClosed;
    if (!isLost) {
      // The process has ended, or takes no input: its exit says more than this.
      this.#refuse();
      return;
    }
    // Ids of writes came with 0.169, which says more of itself than 0.131.
    if (this.client.server?.environmentInfo === undefined) {
      this.onProblem('input may have been lost: this executor cannot tell what it took before the connection was lost');
      this.#refuse();
      return;
    }
    await this.client.whenReady().catch(() => this.#refuse());
  }

  #refuse(): void {
    this.#isRefused = true;
    this.#pieces.length = 0;
    this.#wakeReader?.();
  }

  async #whenIdle(): Promise<void> {
    if (this.#isRunning) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  async #closeStdin(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (;;) {
      try {
        await this.client.call(processCloseStdin, { processId: this.processId });
        return;
      } catch (error) {
        if (isMethodNotFound(error)) {
          this.onProblem('this executor cannot end the input of a process: it waits for more');
          return;
        }
        const isLost = error instanceof LocalError && error.code === 'closed' && !this.client.isClosed;
        if (
          !isLost ||
          !(await this.client.whenReady().then(
            () => true,
            () => false,
          ))
        )
          return;
      }
    }
  }
}
