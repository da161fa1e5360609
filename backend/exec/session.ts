// One session: the processes of one harness, and where their events go. Survives its connection for a while.

import type { MessagePart } from '../../shared/connection/connection.ts';
import { limits } from '../../shared/limits.ts';
import { RpcCode, RpcError } from '../../shared/errors.ts';
import { newSessionMark } from '../containment/mark.ts';
import type { SharedLimits } from '../containment/quota.ts';
import { newSessionCgroup, type SessionCgroup } from '../containment/session-cgroup.ts';
import { killMarked, killSession } from '../containment/sweep.ts';
import type { Child, ChildEvents } from '../process/child.ts';
import type { Guardian } from '../process/guardian.ts';
import { isGroupAlive, signalGroup } from '../process/group.ts';
import type { OutputChunk } from '../process/output-log.ts';
import { ManagedProcess, type ProcessKind, type ProcessListener } from '../process/process.ts';
import { inputBounds, type ExecSettings } from './settings.ts';
import type { ExecObserver } from './observer.ts';
import { closedMessage, exitedMessage, OutputMessages } from './process-messages.ts';

/** The connection that holds the session, as the session sees it. */
export interface SessionPeer {
  /** False: bulk should wait until `Session.onWritable`. */
  send(message: string): boolean;
  sendParts(parts: readonly MessagePart[]): boolean;
  /** Extension notifications that the harness asked for in `initialize`. */
  readonly wantedExtensions: ReadonlySet<string>;
}

export interface SessionCounters {
  processesStarted: number;
  outputBytes: number;
}

export class Session implements ProcessListener {
  readonly processes = new Map<string, ManagedProcess>();
  #peer: SessionPeer | undefined;
  #isOutputPaused = false;
  readonly #messages = new WeakMap<ManagedProcess, OutputMessages>();
  /** Closed processes, oldest first, with the time at which each is forgotten. */
  #closed: { process: ManagedProcess; forgetAtMs: number }[] = [];
  #forgetTimer: NodeJS.Timeout | undefined;
  /** Groups of forgotten processes in which somebody still lives: they end with the session. */
  readonly #leftGroups = new Set<number>();
  #isEnded = false;
  #mark: bigint | undefined;
  #cgroup: SessionCgroup | undefined;
  /** What is being started, by processId. */
  readonly #starting = new Map<string, Promise<Child>>();

  constructor(
    readonly id: string,
    readonly settings: ExecSettings,
    private readonly guardian: Guardian,
    private readonly counters: SessionCounters,
    private readonly shared: SharedLimits,
    private readonly observer?: ExecObserver,
  ) {}

  get isAttached(): boolean {
    return this.#peer !== undefined;
  }

  /** Whether the harness asked for this extension notification in `initialize`. */
  wants(notification: string): boolean {
    return this.#peer?.wantedExtensions.has(notification) ?? false;
  }

  /** What its processes carry; undefined where that cannot be had. */
  get mark(): bigint | undefined {
    return (this.#mark ??= newSessionMark());
  }

  /** What its processes are in; undefined where sessions have no caps. @throws RpcError -32600 where it cannot be made. */
  get cgroup(): SessionCgroup | undefined {
    return (this.#cgroup ??= newSessionCgroup(this.settings));
  }

  get runningCount(): number {
    return this.processes.size - this.#closed.length;
  }

  /** From here on events go to `peer`. */
  attach(peer: SessionPeer): void {
    this.#peer = peer;
  }

  /** The connection has ended: processes run on, their output is retained only. */
  detach(): void {
    this.#peer = undefined;
    this.onWritable();
  }

  /** The peer's connection takes bulk again. The process that filled it goes last, so that none starves. */
  onWritable(): void {
    if (!this.#isOutputPaused) return;
    this.#isOutputPaused = false;
    for (const process of this.processes.values()) {
      process.resumeOutput();
      if (this.#isOutputPaused) break;
    }
  }

  /**
   * Starts a process under `processId`, which is free again when the start fails.
   * @throws RpcError -32600 when the id is in use or the session has too many, -32001 when all sessions have too many;
   *   whatever `start` throws.
   */
  async start(processId: string, kind: ProcessKind, start: (events: ChildEvents) => Promise<Child>): Promise<void> {
    // Whether this one may start depends on what becomes of those: it waits, as if starts came one after the other.
    while (this.#starting.has(processId) || (this.#starting.size > 0 && this.#isFull)) {
      await Promise.allSettled(this.#starting.values());
    }
    if (this.#isEnded) throw new RpcError(RpcCode.invalidRequest, 'the session has ended');
    if (this.processes.has(processId))
      throw new RpcError(RpcCode.invalidRequest, `process ${processId} already exists`);
    if (this.#isFull) {
      throw new RpcError(
        RpcCode.invalidRequest,
        `too many processes: the limit is ${this.settings.maxProcesses} (--max-processes)`,
      );
    }
    const process = new ManagedProcess(
      processId,
      kind,
      {
        ...inputBounds,
        retainedOutputBytes: this.settings.retainedOutputBytes,
        outputBudget: this.shared.output,
        rememberedWriteIds: limits.rememberedWriteIds,
      },
      this,
    );
    this.shared.processes.take();
    this.guardian.start();
    const starting = start(process.events);
    this.#starting.set(processId, starting);
    try {
      const child = await starting;
      process.started(child);
      this.processes.set(processId, process);
      this.guardian.add(child.pid);
      this.counters.processesStarted++;
      if (this.#isOutputPaused) process.pauseOutput();
    } catch (error) {
      this.shared.processes.release();
      throw error;
    } finally {
      this.#starting.delete(processId);
    }
  }

  get #isFull(): boolean {
    return this.runningCount + this.#starting.size >= this.settings.maxProcesses;
  }

  /** Ends every process with its group, those that processes left behind in their groups, and those that left their groups. */
  async end(): Promise<void> {
    this.#isEnded = true;
    this.#peer = undefined;
    clearTimeout(this.#forgetTimer);
    await Promise.allSettled(this.#starting.values());
    const graceMs = this.settings.shutdownGracePeriodMs;
    const running = [...this.processes.values()].filter((process) => !process.hasExited);
    if (graceMs > 0 && running.length > 0) {
      for (const process of running) process.terminateGracefully(graceMs);
      await Promise.all(running.map((process) => exitOf(process)));
    }
    const pids = new Set(this.#leftGroups);
    for (const process of this.processes.values()) {
      pids.add(process.pid);
      process.terminate();
      signalGroup(process.pid, 'SIGKILL');
    }
    for (const pid of this.#leftGroups) signalGroup(pid, 'SIGKILL');
    const sweeps = [...pids].map((pid) => killSession(pid));
    if (this.#mark !== undefined) sweeps.push(killMarked(this.#mark));
    if (this.#cgroup) sweeps.push(this.#cgroup.end());
    await Promise.all(sweeps);
    for (const process of this.processes.values()) process.forget();
    for (const pid of pids) this.guardian.remove(pid);
    this.processes.clear();
    this.#leftGroups.clear();
  }

  onOutput(process: ManagedProcess, chunk: OutputChunk): boolean {
    this.counters.outputBytes += chunk.byteLength;
    if (!this.#peer) return true;
    if (this.#peer.sendParts(this.#messagesOf(process).output(chunk))) return true;
    this.#pauseOutput(process);
    return false;
  }

  onExited(process: ManagedProcess, seq: number, exitCode: number): void {
    this.#peer?.send(exitedMessage(process.id, seq, exitCode, process.isSandboxDenied));
    this.observer?.processExited?.({ sessionId: this.id, processId: process.id, exitCode });
  }

  onClosed(process: ManagedProcess, seq: number): void {
    this.shared.processes.release();
    this.#peer?.send(closedMessage(process.id, seq));
    if (this.#isEnded) return;
    this.#closed.push({ process, forgetAtMs: performance.now() + this.settings.closedProcessRetentionMs });
    if (this.#closed.length > this.settings.maxClosedProcesses) this.#forgetOldest();
    this.#armForgetTimer();
  }

  #messagesOf(process: ManagedProcess): OutputMessages {
    let messages = this.#messages.get(process);
    if (!messages) this.#messages.set(process, (messages = new OutputMessages(process.id)));
    return messages;
  }

  #pauseOutput(filler: ManagedProcess): void {
    this.processes.delete(filler.id);
    this.processes.set(filler.id, filler);
    if (this.#isOutputPaused) return;
    this.#isOutputPaused = true;
    for (const process of this.processes.values()) process.pauseOutput();
  }

  #forgetOldest(): void {
    const oldest = this.#closed.shift()?.process;
    if (!oldest) return;
    oldest.forget();
    if (this.processes.get(oldest.id) === oldest) this.processes.delete(oldest.id);
    if (isGroupAlive(oldest.pid)) this.#leftGroups.add(oldest.pid);
    else this.guardian.remove(oldest.pid);
  }

  #armForgetTimer(): void {
    const oldest = this.#closed[0];
    if (this.#forgetTimer || !oldest) return;
    this.#forgetTimer = setTimeout(
      () => {
        this.#forgetTimer = undefined;
        const nowMs = performance.now();
        while (this.#closed[0] && this.#closed[0].forgetAtMs <= nowMs + 1) this.#forgetOldest();
        this.#armForgetTimer();
      },
      Math.max(0, oldest.forgetAtMs - performance.now()),
    );
    this.#forgetTimer.unref();
  }
}

function exitOf(process: ManagedProcess): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (process.hasExited) resolve();
      else process.onceNews(look);
    };
    look();
  });
}
