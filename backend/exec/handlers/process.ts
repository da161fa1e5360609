// process/*: params → what the session or the process does → result (docs/protocol.md, "Processes").

import { tryBase64Decode } from '../../../shared/bytes.ts';
import { RpcCode, RpcError } from '../../../shared/errors.ts';
import { timerMs } from '../../../shared/limits.ts';
import type { ParamsOf } from '../../../shared/protocol/declare.ts';
import { parsePath } from '../../../shared/protocol/path.ts';
import * as protocol from '../../../shared/protocol/process.ts';
import { isConfining } from '../../../shared/protocol/sandbox.ts';
import { withCaps } from '../../containment/process-caps.ts';
import type { ChildEvents, ChildSpec } from '../../process/child.ts';
import { isOsError, osErrorText } from '../../process/os-error.ts';
import { startPipeProcess } from '../../process/pipe-process.ts';
import { InputFullError, InputGoneError, type ManagedProcess } from '../../process/process.ts';
import { startPtyProcess, type TerminalSize } from '../../process/pty-process.ts';
import { resolveProgram } from '../../process/resolve-program.ts';
import { runConfined } from '../../sandbox/run-confined.ts';
import { BulkResult } from '../bulk.ts';
import { childEnv } from '../child-env.ts';
import { route, type RequestContext, type Route } from '../handler.ts';
import { inputBounds, type ExecSettings } from '../settings.ts';
import { snapshotOf } from '../snapshot.ts';

type StartParams = ParamsOf<typeof protocol.processStart>;

/** Where a request says nothing about the size. */
const defaultSize: TerminalSize = { rows: 24, cols: 80 };

export function processRoutes(settings: ExecSettings): Route[] {
  return [
    route(protocol.processStart, (params, context) => start(params, context, settings), { overlaps: true }),
    route(protocol.processRead, read, { waits: true }),
    route(protocol.processWrite, write, { waits: true }),
    route(protocol.processTerminate, ({ processId, mode }, { session }) => {
      const process = session.processes.get(processId);
      const isRunning =
        mode?.type === 'graceful'
          ? process?.terminateGracefully(timerMs(mode.timeoutMs))
          : process?.terminate(mode?.type === 'force');
      return { running: isRunning ?? false };
    }),
    route(protocol.processSignal, ({ processId }, { session }) => {
      session.processes.get(processId)?.interrupt();
      return {};
    }),
    route(protocol.processCloseStdin, ({ processId }, { session }) => ({
      status: session.processes.get(processId)?.closeStdin() ?? ('unknownProcess' as const),
    })),
    route(protocol.processResize, ({ processId, rows, cols }, { session }) => ({
      status: session.processes.get(processId)?.resize(rows, cols) ?? ('unknownProcess' as const),
    })),
    route(protocol.processWait, wait, { waits: true }),
    route(protocol.processSnapshot, ({ processId, maxBytes }, { session }) =>
      snapshotOf(knownProcess(processId, session.processes), maxBytes ?? Infinity),
    ),
  ];
}

async function start(params: StartParams, { session, notify }: RequestContext, settings: ExecSettings) {
  const { processId } = params;
  const spec = specOf(params, settings);
  const { sandbox } = params;
  const isConfined = isConfining(sandbox);
  const size = params.io?.type === 'pty' ? params.io : params.tty && !params.io ? defaultSize : undefined;
  const withStdin = params.io?.type === 'pipe' ? params.io.stdin === 'open' : params.pipeStdin;
  try {
    await session.start(processId, { isTerminal: size !== undefined, isConfined }, async (events) => {
      const child = { ...spec, program: resolveProgram(spec.name, spec.cwd, spec.env), mark: session.mark };
      const run = (what: ChildSpec, told: ChildEvents) => {
        const capped = withCaps(what, settings, session.cgroup?.procsFile);
        return size
          ? startPtyProcess(capped, size, settings, told)
          : startPipeProcess(capped, withStdin, settings, told);
      };
      return isConfined ? runConfined(child, sandbox, events, run) : run(child, events);
    });
  } catch (error) {
    if (isOsError(error)) throw new RpcError(RpcCode.internal, osErrorText(error.code));
    throw error;
  }
  // A tick runs after the promises that send the answer, and before any output is read.
  if (session.wants('process/started')) process.nextTick(() => notify('process/started', { processId }));
  // Named as the peers name what confines on this platform.
  return { processId, sandboxType: isConfined ? 'linuxSeccomp' : 'none' };
}

/** @throws RpcError for what no system could start. */
function specOf(params: StartParams, settings: ExecSettings): Omit<ChildSpec, 'program'> & { readonly name: string } {
  const isPrepared = params.kind === 'prepared';
  if (!(isPrepared ? settings.allowPreparedExec : settings.allowDirectExec)) {
    throw new RpcError(RpcCode.invalidRequest, `${params.kind} execution is disabled`);
  }
  const request = isPrepared ? params.request : params;
  const [name, ...args] = request?.argv ?? [];
  if (name === undefined) throw new RpcError(RpcCode.invalidParams, 'argv must not be empty');
  if (name === '') throw new RpcError(RpcCode.internal, 'missing program for pipe spawn');
  const env = isPrepared ? (request?.env ?? {}) : childEnv(params.env ?? {}, params.envPolicy, process.env);
  const argv: [string, ...string[]] = [request?.arg0 ?? name, ...args];
  const { path: cwd } = parsePath(request?.cwd ?? '', 'cwd');
  let bytes = 0;
  for (const text of [name, ...argv, ...Object.entries(env).flat()]) {
    if (text.includes('\0')) throw new RpcError(RpcCode.internal, 'nul byte found in provided data');
    bytes += text.length + 1;
  }
  if (bytes > settings.maxStartBytes) {
    throw new RpcError(
      RpcCode.invalidRequest,
      `argv and environment of ${bytes} bytes are larger than the limit of ${settings.maxStartBytes} bytes (--max-start-bytes)`,
    );
  }
  return { name, argv, cwd, env };
}

function read(params: ParamsOf<typeof protocol.processRead>, { session, signal }: RequestContext) {
  const process = knownProcess(params.processId, session.processes);
  const afterSeq = params.afterSeq ?? 0;
  const maxBytes = params.maxBytes ?? Infinity;
  const answer = () => {
    const chunks = process.readOutput(afterSeq, maxBytes);
    const last = chunks.at(-1);
    const state = {
      // Without a limit all that is kept is in the answer, so the end counts too: 0.169, back after a lost connection, takes
      // `nextSeq - 1` of a closed process for the seq of `closed` (docs/protocol.md "process/read").
      nextSeq: last && params.maxBytes != null ? last.seq + 1 : process.nextSeq,
      exited: process.hasExited,
      exitCode: process.exitCode ?? null,
      closed: process.isClosed,
      failure: null,
      sandboxDenied: process.isSandboxDenied,
    };
    if (chunks.length === 0) return { chunks: [], ...state };
    const parts = chunks.flatMap(({ seq, stream, base64 }, index) => [
      `${index === 0 ? '{"chunks":[' : ','}{"seq":${seq},"stream":"${stream}","chunk":"`,
      base64,
      '"}',
    ]);
    return new BulkResult([...parts, `],${JSON.stringify(state).slice(1)}`]);
  };
  const isDue = () => process.hasEndedAfter(afterSeq) || process.readOutput(afterSeq, 0).length > 0;
  const waitMs = params.waitMs ?? 0;
  if (waitMs === 0 || isDue()) return answer();
  return untilNews(process, isDue, waitMs, signal).then(answer);
}

function wait(params: ParamsOf<typeof protocol.processWait>, { session, signal }: RequestContext) {
  const process = knownProcess(params.processId, session.processes);
  const isDue = () => (params.until === 'exited' ? process.hasExited : process.isClosed);
  const answer = () => ({
    exited: process.hasExited,
    exitCode: process.exitCode ?? null,
    closed: process.isClosed,
    timedOut: !isDue(),
  });
  if (isDue() || params.waitMs === 0) return answer();
  return untilNews(process, isDue, params.waitMs ?? Infinity, signal).then(answer);
}

function write({ processId, chunk, writeId }: ParamsOf<typeof protocol.processWrite>, { session }: RequestContext) {
  const process = session.processes.get(processId);
  // Judged by the length of the text: what is refused is never held as bytes too.
  if (process?.isFullFor((chunk.length / 4) * 3, writeId ?? undefined)) throw inputFull(processId);
  const bytes = tryBase64Decode(chunk);
  if (!bytes) throw new RpcError(RpcCode.invalidParams, 'params.chunk: must be standard base64 with padding');
  if (!process) return { status: 'unknownProcess' as const };
  try {
    const status = process.write(bytes, writeId ?? undefined);
    return typeof status === 'string' ? { status } : status.then((written) => ({ status: written }));
  } catch (error) {
    if (error instanceof InputGoneError) throw new RpcError(RpcCode.internal, 'failed to write to process stdin');
    if (error instanceof InputFullError) throw inputFull(processId);
    throw error;
  }
}

function inputFull(processId: string): RpcError {
  const { maxInputBytes } = inputBounds;
  return new RpcError(
    RpcCode.overloaded,
    `process ${processId} does not read: more than ${maxInputBytes} bytes would wait for it; await the answers to earlier writes`,
  );
}

function knownProcess(processId: string, processes: ReadonlyMap<string, ManagedProcess>): ManagedProcess {
  const process = processes.get(processId);
  if (!process) throw new RpcError(RpcCode.invalidRequest, `unknown process id ${processId}`);
  return process;
}

/** Resolves when `isDue` says so after some news, when `waitMs` is over, or when `signal` aborts. Wakes by events, polls nothing. */
function untilNews(process: ManagedProcess, isDue: () => boolean, waitMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let forget: () => void;
    const timer = waitMs === Infinity ? undefined : setTimeout(() => done(), timerMs(waitMs));
    const done = () => {
      clearTimeout(timer);
      forget();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const look = () => {
      if (isDue()) done();
      else forget = process.onceNews(look);
    };
    forget = process.onceNews(look);
    signal.addEventListener('abort', done);
  });
}
