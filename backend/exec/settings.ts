// What the exec server can be told; the flags and environment variables for it stand in config.ts.

import type { ProcessCapSettings } from '../containment/process-caps.ts';
import type { SharedLimitSettings } from '../containment/quota.ts';
import type { SessionCapSettings } from '../containment/session-cgroup.ts';

export interface ExecSettings extends SharedLimitSettings, ProcessCapSettings, SessionCapSettings {
  /** A session without a connection lives this long, ms. */
  readonly detachedSessionTtlMs: number;
  /** A closed process stays readable this long, ms … */
  readonly closedProcessRetentionMs: number;
  /** … and the newest this many of them per session. */
  readonly maxClosedProcesses: number;
  readonly retainedOutputBytes: number;
  /** SIGTERM before SIGKILL at the end of a session or of the server, ms; 0: SIGKILL at once. */
  readonly shutdownGracePeriodMs: number;
  /** `closed` waits this long for others that hold the output of an exited child and write nothing, ms. */
  readonly orphanedOutputMs: number;
  readonly maxSessions: number;
  /** Processes of one session that are not closed. */
  readonly maxProcesses: number;
  /** Requests of one connection that wait for output, a reader or a peer. */
  readonly maxWaitingRequests: number;
  /** Requests of one connection that are read ahead of being served. */
  readonly maxPipelinedRequests: number;
  /** argv and environment of one process, bytes. */
  readonly maxStartBytes: number;
  /** A longer delay of the event loop is logged, ms; 0: none. */
  readonly eventLoopWarnMs: number;
  readonly maxMessageBytes: number;
  /** Addresses that http/request must not reach (http/address-guard.ts), and exceptions; '': none. */
  readonly httpDeny: string;
  readonly httpAllow: string;
  /** Longest http/request, ms, and its largest streamed body, bytes; 0: no limit of ours. */
  readonly httpMaxMs: number;
  readonly httpMaxResponseBytes: number;
  /** Confined file servers of all connections, about 60 MB each. */
  readonly maxTotalSandboxes: number;
  /** The command that runs this program, for what it starts of itself; undefined where it is used as a library. */
  readonly program?: readonly string[] | undefined;
  /** Nothing is started and nothing is changed; files can be looked at. */
  readonly readOnly: boolean;
  readonly allowDirectExec: boolean;
  readonly allowPreparedExec: boolean;
}

/** Bounds that nobody needs to set, in bytes. */
export const inputBounds = {
  /** A write is answered at once while less than this waits for the child. */
  promptInputBytes: 1024 * 1024,
  /** More is refused, unless nothing waits: one write may be as large as a message. */
  maxInputBytes: 16 * 1024 * 1024,
} as const;
