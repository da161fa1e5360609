// Faults of newline framing: an exec server in this process behind the stdin and stdout of a program, which takes or writes
// lines as a program with that fault would. Each with the cases that must fail by it, and no others.
import { PassThrough, Transform } from 'node:stream';
import { createExecServer } from '../../../backend/client/in-process-server.ts';
import { StdioConnection } from '../../../backend/transports/stdio.ts';
import { tryUtf8Decode } from '../../../shared/bytes.ts';
import type { Target } from '../../../shared/conformance/target.ts';
import { limits } from '../../../shared/limits.ts';

export interface StdioFault {
  readonly name: string;
  readonly fails: readonly string[];
  /** What is made of a complete line of input, its LF with it; for each program anew. */
  readonly line?: () => (line: Buffer) => string | Buffer;
  /** What is made of one read. */
  readonly read?: (bytes: Buffer) => string | Buffer;
  /** What is made of an incomplete last line. */
  readonly lastLine?: (line: Buffer) => string | Buffer;
  /** Written before anything else. */
  readonly banner?: string;
  readonly exitCode?: number;
  readonly leavesProcesses?: true;
  /** Ends with its input only. */
  readonly endsLate?: true;
  /** Does not wait for what is due at the end of its input. */
  readonly endsEarly?: true;
}

interface Program {
  readonly stdin: PassThrough;
  readonly stdout: PassThrough;
  /** What the server writes; goes on to `stdout`. */
  readonly answers: PassThrough;
  readonly exited: Promise<number>;
}

/** A target whose programs run here. `close` ends what they have left. */
export function faultyProgram(fault: StdioFault): { target: Target; close: () => Promise<void> } {
  const servers: { close: () => Promise<void> }[] = [];
  const start = async (): Promise<Program> => {
    const server = await createExecServer();
    servers.push(server);
    const [stdin, stdout] = [new PassThrough(), new PassThrough()];
    const answers = new PassThrough();
    if (fault.banner !== undefined) stdout.write(fault.banner);
    answers.pipe(stdout, { end: false });
    const connection = new StdioConnection(stdin.pipe(changedInput(fault)), answers, limits.maxMessageBytes);
    server.accept(connection);
    const due = fault.endsLate
      ? new Promise<void>((resolve) => stdin.once('end', resolve)).then(() => connection.whenClosed)
      : connection.whenClosed;
    const exited = due.then(async () => {
      if (!fault.leavesProcesses) await server.close();
      await new Promise<void>((resolve) => stdout.end(resolve));
      return fault.exitCode ?? 0;
    });
    return { stdin, stdout, answers, exited };
  };
  const target: Target = {
    name: fault.name,
    sharesSessions: false,
    isStdio: true,
    dial: async () => {
      const { stdin, stdout } = await start();
      return new StdioConnection(stdout, stdin, limits.maxMessageBytes);
    },
    bytes: async ({ onBytes, onEnd }) => {
      const { stdin, stdout, answers, exited } = await start();
      stdout.on('data', onBytes);
      void exited.then((exitCode) => onEnd({ exitCode }));
      return {
        send: (bytes) => {
          if (stdin.writable) stdin.write(Buffer.from(bytes));
        },
        get waitingBytes() {
          return stdin.writableLength;
        },
        finish: () => {
          if (fault.endsEarly) answers.unpipe(stdout).resume();
          stdin.end();
        },
        close: () => stdin.end(),
      };
    },
  };
  return {
    target,
    close: async () => {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

function changedInput({ line, read, lastLine }: StdioFault): Transform {
  const parts: Buffer[] = [];
  const changeLine = line?.();
  // A line that never ends is for the server to meet, unless lines are to be changed.
  const keepsLines = changeLine !== undefined || lastLine !== undefined;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const taken = read ? Buffer.from(read(chunk)) : chunk;
      if (!keepsLines) return done(null, taken);
      parts.push(taken);
      if (!taken.includes('\n')) return done();
      const lines = Buffer.concat(parts.splice(0));
      let start = 0;
      for (let end = lines.indexOf('\n'); end >= 0; end = lines.indexOf('\n', start)) {
        const whole = lines.subarray(start, end + 1);
        this.push(changeLine ? changeLine(whole) : whole);
        start = end + 1;
      }
      parts.push(lines.subarray(start));
      done();
    },
    flush(done) {
      const last = Buffer.concat(parts);
      done(null, lastLine ? lastLine(last) : last);
    },
  });
}

export const stdioFaults: readonly StdioFault[] = [
  {
    name: 'blank lines are messages',
    fails: ['STDIO-001'],
    line: () => (line) => (line.toString().trim() === '' ? 'x\n' : line),
  },
  {
    name: 'an object may spread over lines',
    fails: ['STDIO-002'],
    line: () => {
      let held = '';
      return (line) => {
        const former = held;
        held = line.toString() === '{"id":1,\n' ? '{"id":1,' : '';
        return held === '' ? Buffer.concat([Buffer.from(former), line]) : '';
      };
    },
  },
  {
    name: 'log lines go to stdout',
    fails: [
      'STDIO-001',
      'STDIO-003',
      'STDIO-004',
      'STDIO-005',
      'STDIO-006',
      'STDIO-007',
      'STDIO-008',
      'STDIO-009',
      'STDIO-011',
    ],
    banner: 'listening on stdio\n',
  },
  {
    name: 'a short read is a line',
    fails: ['STDIO-004'],
    read: (bytes) => (bytes.length === 1 && bytes[0] !== 0x0a ? `${bytes.toString()}\n` : bytes),
  },
  { name: 'a last line without LF is lost', fails: ['STDIO-005'], lastLine: () => '' },
  { name: 'the end of stdin is an error', fails: ['STDIO-006', 'STDIO-008'], exitCode: 1 },
  { name: 'processes outlive the program', fails: ['STDIO-007'], leavesProcesses: true },
  {
    name: 'what is no UTF-8 is repaired',
    fails: ['STDIO-008'],
    line: () => (line) => (tryUtf8Decode(line) === undefined ? '\n' : line),
  },
  { name: 'only the end of stdin ends it', fails: ['STDIO-008', 'STDIO-009', 'STDIO-010'], endsLate: true },
  { name: 'lines may be of any length', fails: ['STDIO-010'], line: () => (line) => line },
  { name: 'what is due is not waited for', fails: ['STDIO-005', 'STDIO-011'], endsEarly: true },
];
