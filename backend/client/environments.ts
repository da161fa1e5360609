// Environments: where things can be run, each behind the same few methods, connected when it is first used and again when its
// connection has ended.

import type { ExecOptions, RunOptions } from '../../shared/client/exec.ts';
import { RemoteFiles } from '../../shared/client/files.ts';
import type { ExecServerClient, SessionOptions } from '../../shared/client/harness.ts';
import { RemoteHttp } from '../../shared/client/http.ts';
import type { ProcessHandle } from '../../shared/client/process-handle.ts';
import type { RunResult } from '../../shared/client/run.ts';
import { LocalError } from '../../shared/errors.ts';
import { limits } from '../../shared/limits.ts';
import { connectInProcess, connectStdio, connectWebSocket } from './connect.ts';
import {
  readEnvironments,
  type EnvironmentEntry,
  type EnvironmentList,
  type EnvironmentPlace,
} from './environments-file.ts';
import { createExecServer, type InProcessServer } from './in-process-server.ts';

/** For each connection. */
export type EnvironmentOptions = Pick<SessionOptions, 'clientName' | 'wrap' | 'onStatus'> & {
  /** Bearer token for environments with a URL. */
  readonly token?: string | undefined;
};

/** A place where things can be run. */
export class Environment {
  readonly fs = new RemoteFiles(() => this.connect());
  readonly http = new RemoteHttp(() => this.connect());
  #client: ExecServerClient | undefined;
  #opening: Promise<ExecServerClient> | undefined;
  #server: InProcessServer | undefined;
  #isClosed = false;

  constructor(
    private readonly entry: EnvironmentEntry,
    private readonly options: EnvironmentOptions = {},
  ) {}

  get id(): string {
    return this.entry.id;
  }

  /** `local`: in this process. */
  get kind(): EnvironmentPlace['kind'] {
    return this.entry.place.kind;
  }

  /**
   * The client: opened by the first call, and anew when the last one has ended. Waits for a connection that is being restored.
   * @throws LocalError as `connectWebSocket` and `connectStdio`, `closed` after `close`.
   */
  async connect(): Promise<ExecServerClient> {
    if (this.#isClosed) throw new LocalError('closed', `environment \`${this.id}\` was closed`);
    if (!this.#client || this.#client.isClosed) {
      this.#opening ??= this.#open().finally(() => (this.#opening = undefined));
      return this.#opening;
    }
    if (this.#client.status.phase === 'ready') return this.#client;
    this.#client.reconnectNow();
    const ms = limits.connectTimeoutMs + limits.initializeTimeoutMs;
    const tooLate = AbortSignal.timeout(ms);
    await this.#client.whenReady(tooLate).catch((error: unknown) => {
      if (!tooLate.aborted) throw error;
      throw new LocalError('connect-timeout', `environment \`${this.id}\` was not there again within ${ms} ms`);
    });
    return this.#client;
  }

  /** As `client.exec`. */
  async exec(options: ExecOptions): Promise<ProcessHandle> {
    return (await this.connect()).exec(options);
  }

  /** As `client.run`. */
  async run(options: RunOptions): Promise<RunResult> {
    return (await this.connect()).run(options);
  }

  /** Ends the connection, and the server too where it is ours. Twice is fine. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#opening?.catch(() => undefined);
    this.#client?.close();
    await this.#client?.whenClosed;
    await this.#server?.close();
  }

  async #open(): Promise<ExecServerClient> {
    const { place, initializeTimeoutMs } = this.entry;
    const { token, ...rest } = this.options;
    const session = { ...rest, initializeTimeoutMs };
    switch (place.kind) {
      case 'local':
        this.#server ??= await createExecServer();
        this.#client = await connectInProcess(this.#server, session);
        break;
      case 'url':
        this.#client = await connectWebSocket(place.url, {
          ...session,
          token,
          connectTimeoutMs: place.connectTimeoutMs,
        });
        break;
      case 'program':
        this.#client = await connectStdio({ ...session, ...place });
    }
    return this.#client;
  }
}

/** The environments of a configuration, by id. */
export class EnvironmentManager {
  readonly #environments: ReadonlyMap<string, Environment>;
  readonly #defaultId: string | undefined;

  constructor(list: EnvironmentList, options: EnvironmentOptions = {}) {
    this.#environments = new Map(list.entries.map((entry) => [entry.id, new Environment(entry, options)]));
    this.#defaultId = list.defaultId;
  }

  /**
   * What `$CODEX_HOME/environments.toml` lists; without that file what `CODEX_EXEC_SERVER_URL` says: unset, this machine;
   * `none`, nothing; else the URL of the only one, `remote`. Connects to nothing yet.
   * @throws LocalError `invalid-argument` for a file that is wrong.
   */
  static fromEnv(env: NodeJS.ProcessEnv = process.env, options: EnvironmentOptions = {}): EnvironmentManager {
    return new EnvironmentManager(readEnvironments(env), options);
  }

  get list(): Environment[] {
    return [...this.#environments.values()];
  }

  /** Undefined when there is none, or it was switched off. */
  get default(): Environment | undefined {
    return this.#defaultId === undefined ? undefined : this.#environments.get(this.#defaultId);
  }

  /** @param id left out: the default one. @throws LocalError `invalid-argument` when there is no such environment. */
  get(id?: string): Environment {
    const found = id === undefined ? this.default : this.#environments.get(id);
    if (found) return found;
    const known = [...this.#environments.keys()].map((name) => `\`${name}\``).join(', ') || 'none';
    const what = id === undefined ? 'there is no default environment' : `environment \`${id}\` is not configured`;
    throw new LocalError('invalid-argument', `${what}; configured: ${known}`);
  }

  /** Closes all that were used. */
  async close(): Promise<void> {
    await Promise.all(this.list.map((environment) => environment.close()));
  }
}
