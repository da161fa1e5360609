// What a scenario is, what it is given, and the questions that most scenarios ask of a run and of the wire.
import assert from 'node:assert/strict';
import * as z from 'zod';
import type { CodexCli, CodexRun, CodexRunOptions } from './codex-cli.ts';
import type { ModelScript, ToolCall } from './model-stand-in.ts';
import type { ServerKind } from './servers.ts';
import type { TappedMessage, WireTap } from './wire-tap.ts';

export interface ScenarioContext {
  readonly cli: CodexCli;
  /** True for CLI 0.169: it is pushed its output, can interrupt and can reconnect. 0.131 reads, and can do neither. */
  readonly isPushed: boolean;
  readonly server: ServerKind;
  /** True when CLI and server are of one genuine version: what they do is noted, not demanded. */
  readonly isGenuine: boolean;
  /** An empty folder of this scenario, in which the CLI works. */
  readonly cwd: string;
  /** A folder of this scenario beside `cwd`, so outside of what a sandboxed run may write. */
  readonly outside: string;
  /** Between the CLI and the server; recording. */
  readonly tap: WireTap;
  /** Runs the CLI through the tap, in `cwd`. It must end with exit code 0 and a script that held, see `tryRun`. */
  run(script: ModelScript, options?: Partial<CodexRunOptions>): Promise<CodexRun>;
  /** The same without any demand. */
  tryRun(script: ModelScript, options?: Partial<CodexRunOptions>): Promise<CodexRun>;
  /** How many processes that this scenario started run on the server's side right now. */
  commandsRunning(): number;
  /** True for the server's own process and for what it started. */
  isOnServer(pid: number): boolean;
}

/** What was seen: one line for the table. A scenario that does not hold throws. */
export type Evidence = string;

export interface Scenario {
  /** For `--only`; kebab-case. */
  readonly id: string;
  /** A sentence that says what holds when it passes. */
  readonly title: string;
  readonly run: (context: ScenarioContext) => Promise<Evidence>;
  /** What a genuine pair does instead, where it does something else. */
  readonly genuineNote?: string;
  /** A genuine pair does not pass this, and `genuineNote` says why. It is tried all the same. */
  readonly genuineFails?: boolean;
  /** Why the scenario makes no sense for this pair; undefined when it does. */
  readonly notFor?: (context: Pick<ScenarioContext, 'isPushed' | 'server'>) => string | undefined;
}

/** A shell command, as the model asks for it. `yieldMs` bounds how long the CLI waits before it reports "still running". */
export function command(
  cmd: string,
  options: { tty?: boolean; yieldMs?: number; cwd?: string; maxTokens?: number } = {},
): ToolCall {
  return {
    tool: 'exec_command',
    args: {
      cmd,
      yield_time_ms: options.yieldMs ?? 20_000,
      max_output_tokens: options.maxTokens ?? 10_000,
      ...(options.tty === true ? { tty: true } : {}),
      ...(options.cwd === undefined ? {} : { workdir: options.cwd }),
    },
  };
}

/** Characters typed into a command that still runs; none: a look at what it wrote meanwhile. */
export function typed(sessionId: number, chars: string, yieldMs = 1_000): ToolCall {
  return { tool: 'write_stdin', args: { session_id: sessionId, chars, yield_time_ms: yieldMs } };
}

/** What `exec_command` and `write_stdin` report: either an exit code or the session that still runs, and the output. */
export interface CommandReport {
  readonly exitCode: number | undefined;
  readonly sessionId: number | undefined;
  readonly output: string;
}

/** Reads the report of a command. @throws AssertionError when the text is none, e.g. an error of the server. */
export function commandReport(text: string | undefined): CommandReport {
  assert.ok(text !== undefined, 'no report');
  const exitCode = /^Process exited with code (-?\d+)$/m.exec(text)?.[1];
  const sessionId = /^Process running with session ID (\d+)$/m.exec(text)?.[1];
  const output = /^Output:\n/m.exec(text);
  assert.ok(output !== null && (exitCode ?? sessionId) !== undefined, `no report of a command: ${clipped(text)}`);
  return {
    exitCode: exitCode === undefined ? undefined : Number(exitCode),
    sessionId: sessionId === undefined ? undefined : Number(sessionId),
    output: text.slice(output.index + output[0].length),
  };
}

/** The session of a command that must still run. */
export function sessionOf(text: string | undefined): number {
  const { sessionId } = commandReport(text);
  assert.ok(sessionId !== undefined, `the command ended too early: ${clipped(text ?? '')}`);
  return sessionId;
}

const outputSchema = z.looseObject({ processId: z.string(), seq: z.number(), stream: z.string(), chunk: z.string() });
const readSchema = z.looseObject({ chunks: z.array(outputSchema.omit({ processId: true })) });
const startSchema = z.looseObject({ processId: z.string() });

/**
 * The bytes of a process as the CLI got them, in order of `seq`: from the pushes for 0.169 (and what it read after a
 * reconnect), from the answers of `process/read` for 0.131, which only takes pushes as a wake-up call.
 */
export function outputOnWire(context: ScenarioContext, start: TappedMessage): { bytes: Buffer; missingSeqs: number[] } {
  const { processId } = startSchema.parse(start.message.params);
  const chunks = new Map<number, Buffer>();
  const seqs = new Set<number>();
  for (const { direction, message } of context.tap.messages) {
    if (direction !== 'to-cli' || message.method?.startsWith('process/') !== true) continue;
    const params = z.looseObject({ processId: z.string(), seq: z.number() }).safeParse(message.params);
    if (params.data?.processId !== processId) continue;
    seqs.add(params.data.seq);
    const output = outputSchema.safeParse(message.params);
    if (output.success && context.isPushed) chunks.set(output.data.seq, Buffer.from(output.data.chunk, 'base64'));
  }
  for (const request of context.tap.requests('process/read')) {
    if (startSchema.safeParse(request.message.params).data?.processId !== processId) continue;
    const answer = readSchema.safeParse(context.tap.answerTo(request)?.result);
    for (const chunk of answer.data?.chunks ?? []) {
      seqs.add(chunk.seq);
      chunks.set(chunk.seq, Buffer.from(chunk.chunk, 'base64'));
    }
  }
  const ordered = [...chunks.entries()].sort(([a], [b]) => a - b);
  const last = Math.max(0, ...seqs);
  const known = context.isPushed ? seqs : new Set(chunks.keys());
  const missingSeqs = Array.from({ length: last }, (_, index) => index + 1).filter((seq) => !known.has(seq));
  return { bytes: Buffer.concat(ordered.map(([, bytes]) => bytes)), missingSeqs };
}

/** Text cut for a message or a table. */
export function clipped(text: string, length = 300): string {
  const oneLine = text.replaceAll(/\s+/g, ' ').trim();
  return oneLine.length > length ? `${oneLine.slice(0, length)}…` : oneLine;
}
