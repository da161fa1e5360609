// File operations under a sandbox. They are done by another exec server of this program that runs confined itself, so that
// no check can be passed and the file exchanged before it is used: the kernel holds each operation to the policy.
//
// One such server per policy and connection, started at the first need (a third of a second), ended when it is idle, with the
// connection, or for another that needs its place. Handles that it has opened are its own: what reads or writes them goes to it.

import { dirname } from 'node:path';
import { CloseCode } from '../../shared/connection/connection.ts';
import { errorText, LocalError, RpcCode, RpcError } from '../../shared/errors.ts';
import { limits } from '../../shared/limits.ts';
import { fsClose, fsOpen, fsWatchMissing } from '../../shared/protocol/fs.ts';
import { initialize, initialized } from '../../shared/protocol/initialize.ts';
import type { SandboxContext } from '../../shared/protocol/sandbox.ts';
import { RpcPeer } from '../../shared/rpc/peer.ts';
import { ChildConnection } from '../client/child-connection.ts';
import { confine, requireSandbox } from './bubblewrap.ts';
import { parsePolicy, type Policy } from './policy.ts';

/** A server that nobody needs any more is ended after this long, ms. */
const idleMs = 30_000;
/** Policies of one connection at a time: each has a process of about 60 MB. */
const maxServers = 8;
/** What the confined server gets of our environment: it must not be able to tell our secrets. */
const passedOn: ReadonlySet<string> = new Set(['PATH', 'HOME', 'LANG', 'LC_ALL', 'TMPDIR']);

interface Server {
  readonly owner: ConfinedFiles;
  readonly key: string;
  readonly peer: Promise<RpcPeer>;
  /** Requests that are not answered, open handles, and watches, which last as long as the connection. */
  uses: number;
  idleTimer: NodeJS.Timeout | undefined;
}

/** Of the params of every method that comes here. */
type FileParams = Readonly<Record<string, unknown>>;

/** The confined servers of all connections: so many and no more. */
export class ConfinedServers {
  /** The one that was not used for the longest time first. */
  readonly #servers = new Set<Server>();

  /** @param max servers at a time. */
  constructor(private readonly max: number) {}

  /** There is one, and it is used now. */
  used(server: Server): void {
    this.#servers.delete(server);
    this.#servers.add(server);
  }

  gone(server: Server): void {
    this.#servers.delete(server);
  }

  /**
   * Ends one that nobody needs now where there are too many: of `owner` beyond `maxServers`, else of anybody.
   * @throws RpcError -32001 when all of them are in use.
   */
  makeRoom(owner: ConfinedFiles): void {
    const own = [...this.#servers].filter((server) => server.owner === owner);
    const isFullForOwner = own.length >= maxServers;
    if (!isFullForOwner && this.#servers.size < this.max) return;
    const unused = (isFullForOwner ? own : [...this.#servers]).find(({ uses }) => uses === 0);
    if (!unused) {
      const limit = isFullForOwner
        ? `${maxServers} per connection`
        : `${this.max} of this server (--max-total-sandboxes)`;
      throw new RpcError(RpcCode.overloaded, `too many sandboxes in use: the limit is ${limit}; try again later`);
    }
    unused.owner.end(unused);
  }
}

export class ConfinedFiles {
  readonly #servers = new Map<string, Server>();
  /** By handle id: who has opened it. */
  readonly #handles = new Map<string, Server>();
  #isClosed = false;

  /**
   * @param program the command that runs this program; undefined where there is none to run.
   * @param all what all connections have.
   * @param notify takes notifications of the confined servers.
   */
  constructor(
    private readonly program: readonly string[] | undefined,
    private readonly all: ConfinedServers,
    private readonly notify: (method: string, params: unknown) => void,
  ) {}

  holds(handleId: string): boolean {
    return this.#handles.has(handleId);
  }

  /**
   * @param params judged already, paths too: the confined server takes them as they came.
   * @throws RpcError as the confined server answers it, or -32600 when there can be none.
   */
  async request(method: string, params: FileParams, sandbox: SandboxContext): Promise<unknown> {
    await requireSandbox();
    const server = this.#serverFor(parsePolicy(sandbox));
    return this.#use(server, async (peer) => {
      const result = await peer.request(method, { ...params, sandbox: null });
      if (method === fsOpen.method) this.#handles.set(String(params['handleId']), server);
      // What is open, and what is watched, keeps the server.
      if (method === fsOpen.method || method === fsWatchMissing.method) server.uses++;
      return result;
    });
  }

  /** @throws RpcError as the server that has opened it answers. */
  async requestByHandle(method: string, params: FileParams, handleId: string): Promise<unknown> {
    const server = this.#handles.get(handleId);
    if (!server) throw new RpcError(RpcCode.notFound, `unknown file handle \`${handleId}\``);
    return this.#use(server, async (peer) => {
      const result = await peer.request(method, params);
      if (method === fsClose.method && this.#handles.delete(handleId)) this.#release(server);
      return result;
    });
  }

  /** Ends the confined servers. */
  closeAll(): void {
    this.#isClosed = true;
    for (const server of this.#servers.values()) this.end(server);
  }

  async #use(server: Server, work: (peer: RpcPeer) => Promise<unknown>): Promise<unknown> {
    server.uses++;
    this.all.used(server);
    clearTimeout(server.idleTimer);
    try {
      return await work(await server.peer);
    } catch (error) {
      // A server that cannot be started or has died makes room for another.
      if (error instanceof LocalError) this.end(server);
      throw error instanceof RpcError
        ? error
        : new RpcError(RpcCode.internal, `the sandbox failed: ${errorText(error)}`);
    } finally {
      this.#release(server);
    }
  }

  #release(server: Server): void {
    server.uses--;
    if (server.uses > 0) return;
    if (this.#isClosed) this.end(server);
    else server.idleTimer = setTimeout(() => this.end(server), idleMs).unref();
  }

  #serverFor(policy: Policy): Server {
    const key = JSON.stringify(policy);
    const running = this.#servers.get(key);
    if (running) return running;
    this.all.makeRoom(this);
    const server: Server = { owner: this, key, peer: this.#start(policy), uses: 0, idleTimer: undefined };
    // Whoever waits for it is told; nobody may.
    server.peer.catch(() => undefined);
    this.#servers.set(key, server);
    return server;
  }

  async #start(policy: Policy): Promise<RpcPeer> {
    const [program, ...args] = this.program ?? [];
    if (program === undefined) {
      throw new RpcError(RpcCode.invalidRequest, 'sandboxed file operations need the program itself, not the library');
    }
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => passedOn.has(name)));
    const argv = [program, ...args, 'exec-server', '--listen', 'stdio://'] as const;
    // It runs nothing but our own code, so its system calls need no filter.
    const seen = withProgram(policy, [program, ...args]);
    const { spec, release } = confine({ program, argv, cwd: '/', env: {} }, seen, false);
    const dropped = Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]));
    let connection: ChildConnection | undefined;
    try {
      connection = await ChildConnection.start({
        command: spec.program,
        args: spec.argv.slice(1),
        env: { ...dropped, ...env },
        cwd: '/',
      });
      const peer = new RpcPeer(connection, {
        onNotification: (method, params) => this.notify(method, params),
        onClose: () => release(),
      });
      await peer.request(initialize.method, { clientName: 'sandbox' }, { timeoutMs: limits.initializeTimeoutMs });
      peer.notify(initialized.method, {});
      return peer;
    } catch (error) {
      await connection?.end();
      release();
      throw error;
    }
  }

  /** What it does is broken off. */
  end(server: Server): void {
    clearTimeout(server.idleTimer);
    this.all.gone(server);
    if (this.#servers.get(server.key) === server) this.#servers.delete(server.key);
    for (const [handleId, owner] of this.#handles) if (owner === server) this.#handles.delete(handleId);
    server.peer.then(
      (peer) => peer.connection.close(CloseCode.normal, 'no longer needed'),
      () => undefined,
    );
  }
}

/** The confined server has to be able to start, whatever its policy lets it see. */
function withProgram(policy: Policy, command: readonly string[]): Policy {
  const folders = command.filter((part) => part.startsWith('/')).map((path) => dirname(dirname(path)));
  const seen = folders.map((path) => ({ path, access: 'read', skipsMissing: true }) as const);
  const isWide = policy.entries.some(({ path, access }) => path === '/' && access !== 'none');
  return isWide ? policy : { ...policy, hasPlatformDefaults: true, entries: [...seen, ...policy.entries] };
}
