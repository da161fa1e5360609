// What waits to be drawn on one screen. A flood of plain text is not drawn whole: what lies before as many further lines as the
// screen keeps at all would have scrolled out of it for good, so it is left out, and what stands on the screen and above it in
// the end is the same. With escape sequences in between it may not be the same, and everything is drawn. Pure.

export interface QueuedPiece {
  readonly bytes: Uint8Array;
  /** Begins in a line of its own. */
  readonly isApart?: boolean;
  /** Drawn, or left out. Called once. */
  readonly onDone?: (() => void) | undefined;
}

interface Waiting extends QueuedPiece {
  /** Line ends; undefined when it is more than plain text. */
  readonly lines: number | undefined;
}

export interface ScreenQueueOptions {
  /** True: a line ends by CR LF, as on a terminal, and a lone LF goes on in the column that it comes in. */
  readonly needsReturn: boolean;
  /** What the screen keeps: its rows, and the lines that it scrolls back to. */
  keptLines(): number;
}

/** Bytes. A piece is drawn or left out as a whole, and takes a few ms to draw. */
const pieceBytes = 64 * 1024;

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

export class ScreenQueue {
  /** Something was left out since the last `shift`: more comes than is drawn. */
  hasLeftOut = false;
  #waiting: Waiting[] = [];
  /** The first that still waits. */
  #head = 0;
  /** Line ends of the plain pieces at the head, up to the first that is not plain, and that one's place. */
  #plainLines = 0;
  #plainEnd = 0;
  /** What was queued last cannot be in the midst of an escape sequence. */
  #isSettled = false;

  constructor(private readonly options: ScreenQueueOptions) {}

  push({ bytes, isApart = false, onDone }: QueuedPiece): void {
    for (let start = 0; start === 0 || start < bytes.length; start += pieceBytes) {
      const piece = bytes.subarray(start, start + pieceBytes);
      const isLast = start + pieceBytes >= bytes.length;
      const lines = plainLines(piece, this.options.needsReturn);
      const isPlain = this.#isSettled && !isApart;
      this.#waiting.push({
        bytes: piece,
        lines: isPlain ? lines : undefined,
        isApart: isApart && start === 0,
        onDone: isLast ? onDone : undefined,
      });
      this.#isSettled = lines !== undefined && (this.#isSettled || lines > 0);
    }
    this.#leaveOut();
  }

  /** What is to be drawn next. */
  shift(): QueuedPiece | undefined {
    const piece = this.#waiting[this.#head];
    if (!piece) return undefined;
    this.hasLeftOut = false;
    if (this.#plainEnd > this.#head) this.#plainLines -= piece.lines ?? 0;
    this.#head++;
    this.#compact();
    return piece;
  }

  clear(): void {
    const waiting = this.#waiting.slice(this.#head);
    this.#waiting = [];
    this.#head = this.#plainEnd = this.#plainLines = 0;
    for (const { onDone } of waiting) onDone?.();
  }

  #leaveOut(): void {
    this.#plainEnd = Math.max(this.#plainEnd, this.#head);
    for (let next = this.#waiting[this.#plainEnd]; next?.lines !== undefined; next = this.#waiting[this.#plainEnd]) {
      this.#plainLines += next.lines;
      this.#plainEnd++;
    }
    const keptLines = this.options.keptLines();
    for (;;) {
      const oldest = this.#waiting[this.#head];
      if (!oldest || this.#head >= this.#plainEnd || this.#plainLines - (oldest.lines ?? 0) < keptLines) break;
      this.#plainLines -= oldest.lines ?? 0;
      this.#head++;
      this.hasLeftOut = true;
      oldest.onDone?.();
    }
    this.#compact();
  }

  /** Taking each from the front would move all others each time. */
  #compact(): void {
    if (this.#head < 256 && this.#head < this.#waiting.length) return;
    this.#waiting = this.#waiting.slice(this.#head);
    this.#plainEnd = Math.max(0, this.#plainEnd - this.#head);
    this.#head = 0;
  }
}

/** @returns how many lines end in it; undefined when it holds an escape sequence, or another control that lasts. */
function plainLines(bytes: Uint8Array, needsReturn: boolean): number | undefined {
  let lines = 0;
  let last = 0;
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] ?? 0;
    // Nearly all bytes are no control, and looked at no further.
    if (byte < 0x20) {
      if (byte === lineFeed && (!needsReturn || last === carriageReturn)) lines++;
      else if (isLasting(byte)) return undefined;
    } else if (last === 0xc2 && byte < 0xa0) return undefined;
    last = byte;
  }
  return lines;
}

/** ESC begins a sequence, BEL ends one, CAN and SUB break it off; SO and SI choose the letters. C1 is looked for in UTF-8. */
function isLasting(byte: number): boolean {
  return byte === 0x1b || byte === 0x07 || byte === 0x18 || byte === 0x1a || byte === 0x0e || byte === 0x0f;
}
