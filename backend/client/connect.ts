// The ways to an exec server from Node: those of every platform, a program that we start, and a server in this process.

import * as anywhere from '../../shared/client/connect.ts';
import { ExecServerClient, type SessionOptions } from '../../shared/client/harness.ts';
import { connectionPair } from '../../shared/connection/memory.ts';
import { limits } from '../../shared/limits.ts';
import { ChildConnection, type ChildOptions } from './child-connection.ts';
import type { ConnectionAcceptor } from './in-process-server.ts';
import { nodeSockets } from './sockets.ts';

/**
 * Connects to the exec server at `url` (ws:// or wss://) and opens a session. A URL whose query has `role=harness` is one of a
 * relay's and is spoken to in frames.
 * @throws LocalError `invalid-argument` for a bad URL, `connect` when refused (also for a wrong token) or unreachable,
 * `connect-timeout`, `initialize-timeout`, `protocol` when something else answers, `closed`, `aborted`; RpcError as answered.
 */
export function connectWebSocket(url: string, options: anywhere.ConnectOptions = {}): Promise<ExecServerClient> {
  return anywhere.connectWebSocket(url, { sockets: nodeSockets, ...options });
}

/**
 * Connects to an executor through the relay that it has registered with. The registry is asked for a URL before each attempt,
 * since they expire.
 * @throws LocalError as `connectWebSocket`, and `connect` when the executor is not online.
 */
export function connectRelay(options: anywhere.RelayOptions): Promise<ExecServerClient> {
  return anywhere.connectRelay({ sockets: nodeSockets, ...options });
}

/** A server that lives and dies with its client has nothing to come back to. */
type OwnedSessionOptions = Omit<SessionOptions, 'reconnects' | 'resumeSessionId'>;

export interface StdioOptions extends ChildOptions, OwnedSessionOptions {}

/**
 * Starts a program that speaks the protocol on its stdin and stdout, e.g. `exec-workbench exec-server --listen stdio://` or
 * `ssh box codex exec-server --listen stdio`, and opens a session. The program belongs to the client and ends with it, by force
 * if it must be: `client.whenClosed` tells when it is gone.
 * @throws LocalError `spawn`, `initialize-timeout`, `protocol`, `closed` when it ends at once, `aborted`; RpcError as answered.
 */
export function connectStdio(options: StdioOptions): Promise<ExecServerClient> {
  const { command, args, env, cwd, onStderr, graceMs, ...session } = options;
  let connection: ChildConnection | undefined;
  return ExecServerClient.connect({
    ...session,
    reconnects: false,
    dial: async () => (connection = await ChildConnection.start({ command, args, env, cwd, onStderr, graceMs })),
    release: async () => connection?.end(),
  });
}

/**
 * Opens a session with a server in this process, without any transport. The server goes on when the client is closed. Until
 * then Node does not end by itself, as with an open socket.
 */
export function connectInProcess(
  server: ConnectionAcceptor,
  options: OwnedSessionOptions = {},
): Promise<ExecServerClient> {
  // What tells of the end of a child holds no event loop, and nothing else here does.
  const hold = setInterval(() => undefined, limits.maxTimerMs);
  return ExecServerClient.connect({
    ...options,
    reconnects: false,
    release: async () => clearInterval(hold),
    dial: async () => {
      const [ours, theirs] = connectionPair('in process');
      server.accept(theirs);
      return ours;
    },
  });
}
