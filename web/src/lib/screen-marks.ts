// Where the commands of a terminal begin, to go from one to the next. Shells with shell integration say it themselves (OSC 133,
// https://gitlab.freedesktop.org/Per_Bothner/specifications/blob/master/proposals/semantic-prompts.md); with others, a mark
// is where Enter was pressed behind some text. Programs that fill the screen (the alternate buffer) have none.

import type { IMarker, Terminal } from '@xterm/xterm';

/** Beyond it the oldest go. */
const maxMarks = 1000;

export class ScreenMarks {
  /** By their line, the topmost first. */
  #marks: IMarker[] = [];
  #isTold = false;
  /** Where the last jump led, until something is typed. */
  #at: IMarker | undefined;

  constructor(private readonly terminal: Terminal) {
    terminal.parser.registerOscHandler(133, (data) => {
      if (!data.startsWith('A')) return false;
      if (!this.#isTold) for (const mark of [...this.#marks]) mark.dispose();
      this.#isTold = true;
      this.#add(0);
      return true;
    });
    terminal.onData((text) => {
      this.#at = undefined;
      if (text === '\r' && !this.#isTold) this.#entered();
    });
  }

  /** There is something to go to, and the keys for it are not those of a program that fills the screen. */
  get canJump(): boolean {
    return this.#marks.length > 0 && this.terminal.buffer.active.type === 'normal';
  }

  /**
   * Scrolls to the command before (-1) or after (1) the last one that was gone to, at first to the last one, and selects its
   * line. @returns that line; undefined when there is none, and it is scrolled to the end.
   */
  jump(by: -1 | 1): string | undefined {
    const from = this.#at?.line ?? Infinity;
    const isWanted = ({ line }: IMarker) => (by === -1 ? line < from : line > from);
    const mark = by === -1 ? (this.#marks.findLast(isWanted) ?? this.#marks[0]) : this.#marks.find(isWanted);
    this.#at = mark;
    this.terminal.clearSelection();
    if (!mark) {
      this.terminal.scrollToBottom();
      return undefined;
    }
    this.terminal.scrollToLine(mark.line);
    this.terminal.selectLines(mark.line, mark.line);
    return this.terminal.buffer.normal.getLine(mark.line)?.translateToString(true);
  }

  #entered(): void {
    const { active } = this.terminal.buffer;
    if (active.type !== 'normal') return;
    let line = active.baseY + active.cursorY;
    while (active.getLine(line)?.isWrapped) line--;
    // Nothing stands before it: that is no prompt.
    if (active.getLine(line)?.translateToString(true) === '') return;
    this.#add(line - active.baseY - active.cursorY);
  }

  /** @param offset from the line of the cursor */
  #add(offset: number): void {
    const mark = this.terminal.registerMarker(offset);
    if (this.#marks.some(({ line }) => line === mark.line)) {
      mark.dispose();
      return;
    }
    this.#marks = [...this.#marks, mark].sort((a, b) => a.line - b.line);
    mark.onDispose(() => {
      this.#marks = this.#marks.filter((other) => other !== mark);
      if (this.#at === mark) this.#at = undefined;
    });
    this.terminal.registerDecoration({ marker: mark })?.onRender((element) => element.classList.add('command-mark'));
    if (this.#marks.length > maxMarks) this.#marks[0]?.dispose();
  }
}
