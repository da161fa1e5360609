// The ways to an exec server from anywhere: by its URL, or by the id of an executor that a registry knows. Node has more in
// backend/client/connect.ts.

import type { DialOptions } from '../connection/dialing.ts';
import { ExecServerClient, type SessionOptions } from './harness.ts';
import { askWayIn, type RegistryAddress } from './registry-api.ts';
import { browserSockets, dialRelayLink, dialUrl, type Sockets } from './sockets.ts';

export interface ConnectOptions extends SessionOptions {
  /** Bearer token. Node sends it in a header, browsers as `?token=`. */
  readonly token?: string | undefined;
  /** Time to an open connection, for each attempt, ms. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** How sockets are made. Default: as the platform makes them. */
  readonly sockets?: Sockets | undefined;
}

export interface RelayOptions extends ConnectOptions, RegistryAddress {
  readonly executorId: string;
}

/**
 * Connects to the exec server at `url` (ws:// or wss://) and opens a session. A URL whose query has `role=harness` is one of a
 * relay's and is spoken to in frames.
 * @throws LocalError `invalid-argument` for a bad URL, `connect` when refused (also for a wrong token) or unreachable,
 * `connect-timeout`, `initialize-timeout`, `protocol` when something else answers, `closed`, `aborted`; RpcError as answered.
 */
export function connectWebSocket(url: string, options: ConnectOptions = {}): Promise<ExecServerClient> {
  const { token, connectTimeoutMs, sockets = browserSockets, ...session } = options;
  return ExecServerClient.connect({
    ...session,
    dial: (signal) => dialUrl(sockets, url, { token, ...dialOptions(signal, connectTimeoutMs) }),
  });
}

/**
 * Connects to an executor through the relay that it has registered with. The registry is asked for a URL before each attempt,
 * since they expire.
 * @throws LocalError as `connectWebSocket`, and `connect` when the executor is not online.
 */
export function connectRelay(options: RelayOptions): Promise<ExecServerClient> {
  const { registry, executorId, token, connectTimeoutMs, sockets = browserSockets, ...session } = options;
  return ExecServerClient.connect({
    ...session,
    dial: async (signal) => {
      const dialling = dialOptions(signal, connectTimeoutMs);
      let peer: string | undefined;
      const nextUrl = async () => {
        const url = await askWayIn({ registry, token }, executorId, { ...dialling, peer });
        peer = /[?&]peer=([^&#]+)/.exec(url)?.[1];
        return url;
      };
      return dialRelayLink(sockets, nextUrl, dialling);
    },
  });
}

function dialOptions(signal: AbortSignal, timeoutMs: number | undefined): DialOptions {
  return timeoutMs === undefined ? { signal } : { signal, timeoutMs };
}
