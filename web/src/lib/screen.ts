// One terminal screen: xterm.js with what belongs to it. Lives as long as its process is listed, whether it is shown or
// not; a part of the page lends it a place. Loaded on demand: this is the larger part of the page's code.

import { FitAddon } from '@xterm/addon-fit';
import { Unicode11Addon } from '@xterm/addon-unicode11';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { utf8Encode } from '../../../shared/bytes.ts';
import { lazyPart } from './lazy-part.svelte.ts';
import { fixedSize, type TerminalSize } from './launch.ts';
import { ScreenMarks } from './screen-marks.ts';
import { ScreenQueue } from './screen-queue.ts';
import type { ScreenSearch } from './screen-search.ts';
import { isPressed, jumpKeys } from './shortcuts.ts';
import { screenTheme } from './screen-theme.ts';

export interface ScreenLook {
  readonly isDark: boolean;
  /** Pixels. */
  readonly fontSize: number;
  /** Keeps the lines in the page for a screen reader. Costs speed, so it is asked for. */
  readonly isReadAloud: boolean;
}

export interface ScreenOptions {
  /** False: shows output only. */
  readonly takesInput: boolean;
  /** As a terminal has it: a line feed alone stays in its column. False: as pipes have it, it begins a line. */
  readonly isRaw: boolean;
  readonly name: string;
  onInput(bytes: Uint8Array): void;
  /** The place has another size now. Not called while the size is fixed. */
  onResize(size: TerminalSize): void;
  onTitle(title: string): void;
}

const searchCode = lazyPart(() => import('./screen-search.ts'));
/** Not by `requestAnimationFrame`: a hidden page goes on, too. */
const frameMs = 16;
const scrollbackLines = 10_000;

export class Screen {
  /** Keeps this size whatever the place: it was asked for, or the server cannot tell the process of another one. */
  fixedTo: TerminalSize | undefined;
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #element = document.createElement('div');
  readonly #observer = new ResizeObserver(() => this.#scheduleFit());
  readonly #queue: ScreenQueue;
  /** Where commands begin. */
  readonly marks: ScreenMarks;
  #isDrawing = false;
  #isOpened = false;
  #wantsFocus = false;
  #fitFrame = 0;
  #glLease = 0;
  #gl: { dispose(): void } | undefined;
  #search: ScreenSearch | undefined;
  #isDark: boolean;

  constructor(
    look: ScreenLook,
    private readonly options: ScreenOptions,
  ) {
    this.#isDark = look.isDark;
    this.#element.className = 'screen';
    this.#queue = new ScreenQueue({
      needsReturn: options.isRaw,
      keptLines: () => scrollbackLines + this.#terminal.rows,
    });
    this.#terminal = new Terminal({
      ...fixedSize,
      // For the widths of characters, and to mark what a search finds.
      allowProposedApi: true,
      convertEol: !options.isRaw,
      cursorBlink: false,
      cursorInactiveStyle: options.takesInput ? 'outline' : 'none',
      disableStdin: !options.takesInput,
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--font-mono'),
      fontSize: look.fontSize,
      lineHeight: 1.15,
      minimumContrastRatio: 4.5,
      scrollback: scrollbackLines,
      screenReaderMode: look.isReadAloud,
      theme: screenTheme(look.isDark),
      linkHandler: { activate: (_, link) => openLink(link) },
    });
    this.#terminal.loadAddon(this.#fit);
    this.#terminal.loadAddon(new Unicode11Addon());
    this.#terminal.unicode.activeVersion = '11';
    this.#terminal.loadAddon(new WebLinksAddon((_, link) => openLink(link)));
    this.marks = new ScreenMarks(this.#terminal);
    this.#terminal.onData((text) => options.onInput(utf8Encode(text)));
    this.#terminal.onBinary((text) => options.onInput(Uint8Array.from(text, (char) => char.charCodeAt(0))));
    this.#terminal.onResize(({ cols, rows }) => options.onResize({ cols, rows }));
    this.#terminal.onTitleChange((title) => options.onTitle(title));
    this.#terminal.attachCustomKeyEventHandler((event) => this.#takesKey(event));
  }

  get size(): TerminalSize {
    return { cols: this.#terminal.cols, rows: this.#terminal.rows };
  }

  /** Shows the screen in `place`. */
  attach(place: HTMLElement): void {
    place.append(this.#element);
    if (!this.#isOpened) {
      this.#isOpened = true;
      this.#terminal.open(this.#element);
      this.#terminal.textarea?.setAttribute('aria-label', this.options.name);
    }
    this.#observer.observe(place);
    this.fit();
    if (this.#wantsFocus) this.focus();
    void this.#drawByGpu();
  }

  /** Takes the screen out of its place; it goes on taking output. */
  detach(): void {
    this.#observer.disconnect();
    cancelAnimationFrame(this.#fitFrame);
    this.#glLease++;
    this.#gl?.dispose();
    this.#gl = undefined;
    this.#element.remove();
  }

  /** As many columns and rows as the place holds. */
  fit(): void {
    if (this.fixedTo) this.#terminal.resize(this.fixedTo.cols, this.fixedTo.rows);
    else if (this.#element.clientWidth > 0) this.#fit.fit();
  }

  /** @param onDone called when the bytes have been taken in, or left out since nothing of them would remain. */
  write(bytes: Uint8Array, onDone?: () => void): void {
    this.#queue.push({ bytes, onDone });
    this.#feed();
  }

  /** A line of our own, set apart from the process's output. */
  note(text: string): void {
    this.#queue.push({ bytes: utf8Encode(`\x1b[0;90m[${text}]\x1b[0m\r\n`), isApart: true });
    this.#feed();
  }

  /** Empty, as at the start; for a replay. */
  reset(): void {
    this.#queue.clear();
    this.#terminal.reset();
  }

  look(look: ScreenLook): void {
    this.#isDark = look.isDark;
    this.#terminal.options.theme = screenTheme(look.isDark);
    this.#terminal.options.fontSize = look.fontSize;
    this.#terminal.options.screenReaderMode = look.isReadAloud;
    this.fit();
  }

  /** From here on nothing is typed into it. */
  stopInput(): void {
    this.#terminal.options.disableStdin = true;
    this.#terminal.options.cursorInactiveStyle = 'none';
  }

  /** Now, or as soon as it has a place. */
  focus(): void {
    this.#wantsFocus = !this.#element.isConnected;
    this.#terminal.focus();
  }

  /** Finds text in all that is still scrolled back to. Loaded when it is first wanted. */
  async search(): Promise<ScreenSearch> {
    const { ScreenSearch } = await searchCode();
    this.#search ??= new ScreenSearch(this.#terminal);
    this.#search.isDark = this.#isDark;
    return this.#search;
  }

  get selection(): string {
    return this.#terminal.getSelection();
  }

  /** Everything that is still scrolled back to, as plain text. */
  get text(): string {
    const { active } = this.#terminal.buffer;
    const lines: string[] = [];
    for (let index = 0; index < active.length; index++) {
      const line = active.getLine(index);
      if (!line) continue;
      const text = line.translateToString(true);
      if (line.isWrapped) lines.push((lines.pop() ?? '') + text);
      else lines.push(text);
    }
    return `${lines.join('\n').trimEnd()}\n`;
  }

  dispose(): void {
    this.#queue.clear();
    this.detach();
    this.#terminal.dispose();
  }

  /**
   * One piece after the other: what xterm has been given cannot be left out any more. While more comes than can be drawn, a
   * frame gets one piece: the page then has its time for what comes.
   */
  #feed(): void {
    if (this.#isDrawing) return;
    const piece = this.#queue.shift();
    if (!piece) return;
    this.#isDrawing = true;
    if (piece.isApart && this.#terminal.buffer.active.cursorX > 0) this.#terminal.write('\r\n');
    this.#terminal.write(piece.bytes, () => {
      piece.onDone?.();
      const goOn = () => {
        this.#isDrawing = false;
        this.#feed();
      };
      if (this.#queue.hasLeftOut) setTimeout(goOn, frameMs);
      else goOn();
    });
  }

  /** Keys with Ctrl/Cmd+Shift are the page's, and those that go from command to command; all others are the process's. */
  #takesKey(event: KeyboardEvent): boolean {
    if (!event.ctrlKey && !event.metaKey) return true;
    return !event.shiftKey && !(jumpKeys.some((keys) => isPressed(keys, event)) && this.marks.canJump);
  }

  #scheduleFit(): void {
    cancelAnimationFrame(this.#fitFrame);
    this.#fitFrame = requestAnimationFrame(() => this.fit());
  }

  /** Browsers grant a page some 16 GPU contexts: only shown screens hold one. Without it xterm draws by the DOM. */
  async #drawByGpu(): Promise<void> {
    const lease = ++this.#glLease;
    isGpuQuick ??= probeGpu();
    if (!isGpuQuick) return;
    try {
      const { WebglAddon } = await import('@xterm/addon-webgl');
      if (lease !== this.#glLease) return;
      const gl = new WebglAddon();
      gl.onContextLoss(() => {
        gl.dispose();
        if (this.#gl === gl) this.#gl = undefined;
      });
      this.#terminal.loadAddon(gl);
      this.#gl = gl;
    } catch {
      // No WebGL here.
    }
  }
}

let isGpuQuick: boolean | undefined;

/** WebGL in software is no help: under a flood it was ten times slower from key to paint than the DOM (tests/browser/flood). */
function probeGpu(): boolean {
  const context = document.createElement('canvas').getContext('webgl2', { failIfMajorPerformanceCaveat: true });
  context?.getExtension('WEBGL_lose_context')?.loseContext();
  return context !== null;
}

/** Output is not trusted: only web pages are opened, in a tab that knows nothing of this one. */
function openLink(link: string): void {
  if (/^https?:\/\//i.test(link)) window.open(link, '_blank', 'noopener,noreferrer');
}
