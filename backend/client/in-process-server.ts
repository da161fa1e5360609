// An exec server inside this process, for `connectInProcess` and local environments. Its code, with what is native in it, is
// loaded when it is first asked for.

import type { Connection } from '../../shared/connection/connection.ts';

/** What takes connections, e.g. `ExecServer`. */
export interface ConnectionAcceptor {
  accept(connection: Connection): void;
}

export interface InProcessServer extends ConnectionAcceptor {
  /** Ends all connections and all processes. */
  close(): Promise<void>;
}

/**
 * An exec server that listens nowhere: it serves what `accept` and `connectInProcess` hand to it.
 * @param settings as flags of the program, in camelCase: docs/configuration.md. Default: as the program.
 * @throws Error that names a setting with a bad value.
 */
export async function createExecServer(settings: Readonly<Record<string, unknown>> = {}): Promise<InProcessServer> {
  const [{ ExecServer }, { execConfig }, { makeLog }, { version }] = await Promise.all([
    import('../exec/exec-server.ts'),
    import('../config.ts'),
    import('../log.ts'),
    import('../version.ts'),
  ]);
  // What runs here is somebody else's program.
  const config = { ...execConfig({ logLevel: 'silent', ...settings }, {}), program: undefined };
  return new ExecServer(config, makeLog(config.logLevel), version);
}
