// Child: a running program, by pipes or on a terminal. pipe-process.ts and pty-process.ts make them;
// all trouble of the platform ends there. Knows no session and no protocol.

export type OutputStream = 'stdout' | 'stderr' | 'pty';

/** What a child tells. The order is: output…, one `onExit`, output of others that hold its pipes…, one `onClose`. */
export interface ChildEvents {
  /** `bytes` is only valid during the call. @returns false to pause the output until `resumeOutput`. */
  onOutput(stream: OutputStream, bytes: Buffer): boolean;
  /** The child itself has ended; everything it wrote has been told. Killed by signal n: 128 + n. */
  onExit(exitCode: number): void;
  /** Nobody can write to its output any more, or the wait for such others is over. */
  onClose(): void;
}

/** What to run. No string holds a NUL. */
export interface ChildSpec {
  /** Absolute, or relative to `cwd`. */
  readonly program: string;
  /** What the child sees; argv[0] may be anything. */
  readonly argv: readonly [string, ...string[]];
  /** Where the child starts. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** What it and all its descendants carry (containment/mark.ts); undefined: nothing. */
  readonly mark?: bigint | undefined;
  /** Path of a file that it has open for reading as descriptor 3; undefined: descriptors 0 to 2 only. */
  readonly inheritedFile?: string | undefined;
}

export interface Child {
  /** Pid of the child, and the id of its process group and session. */
  readonly pid: number;
  /** Undefined when stdin was never open. */
  readonly input: InputQueue | undefined;
  /** Stops reading from its pipes, so that it blocks when they are full. */
  pauseOutput(): void;
  resumeOutput(): void;
  /** Only a terminal has a size. */
  resize?(rows: number, cols: number): void;
  /**
   * Gives up the pipes or the terminal and with them everybody who still holds them; `onClose` follows at once
   * when the child has exited, else right after its exit. Idempotent.
   */
  abandonOutput(): void;
}

/** Bytes on their way into a child. */
export interface InputQueue {
  /** Bytes taken that the child's pipe or terminal has not taken yet. */
  readonly queuedBytes: number;
  /** No byte can be written any more: `end` was called, the child has closed its side, or it is gone. */
  readonly isEnded: boolean;
  /** Takes all of `bytes`; `onWritten` is called once they have left, or can never leave. */
  write(bytes: Uint8Array, onWritten: () => void): void;
  /** Closes the pipe after what was written; on a terminal, types end-of-file (byte 4). Idempotent. */
  end(): void;
}

/** How long `closed` waits for others that hold the output of an exited child without writing, in ms. */
export interface OutputTimes {
  readonly orphanedOutputMs: number;
}
