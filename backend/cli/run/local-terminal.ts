// The terminal that we are started on: its size, and its raw mode, which is given back on every way out.

import { ReadStream, WriteStream } from 'node:tty';

export interface TerminalSize {
  readonly rows: number;
  readonly cols: number;
}

/** Undefined when neither stdout nor stderr nor stdin is a terminal. */
export function terminalSize(): TerminalSize | undefined {
  for (const stream of [process.stdout, process.stderr]) {
    if (!stream.isTTY) continue;
    const [cols, rows] = stream.getWindowSize();
    if (cols > 0 && rows > 0) return { rows, cols };
  }
  if (!process.stdin.isTTY) return undefined;
  // Only stdin is one: the size can be asked of it all the same.
  const [cols, rows] = new WriteStream(0).getWindowSize();
  return cols > 0 && rows > 0 ? { rows, cols } : undefined;
}

/** Every key goes to the process, Ctrl-C too. @returns what gives the terminal back; it is given back at exit anyway. */
export function enterRawMode(): () => void {
  const { stdin } = process;
  if (!(stdin instanceof ReadStream)) return () => undefined;
  stdin.setRawMode(true);
  const leave = () => {
    process.off('exit', leave);
    stdin.setRawMode(false);
  };
  process.on('exit', leave);
  return leave;
}
