// All sessions of a server: made, resumed, detached, ended after their time.

import { randomUUID } from 'node:crypto';
import { RpcCode, RpcError } from '../../shared/errors.ts';
import type { SharedLimits } from '../containment/quota.ts';
import { Guardian } from '../process/guardian.ts';
import type { ExecObserver } from './observer.ts';
import { Session, type SessionCounters, type SessionPeer } from './session.ts';
import type { ExecSettings } from './settings.ts';

/** Asked whether the connection that holds a session still answers. */
export interface SessionHolder extends SessionPeer {
  isAlive(): Promise<boolean>;
  /** Another connection has taken the session over. */
  displaced(): void;
}

interface Entry {
  readonly session: Session;
  /** Who made it: nobody else may resume it, even who has read its id in a log. */
  readonly tokenId: string;
  holder: SessionHolder | undefined;
  endTimer: NodeJS.Timeout | undefined;
}

export class Sessions {
  readonly counters: SessionCounters = { processesStarted: 0, outputBytes: 0 };
  readonly #entries = new Map<string, Entry>();
  readonly #guardian: Guardian;

  constructor(
    private readonly settings: ExecSettings,
    private readonly shared: SharedLimits,
    private readonly observer: ExecObserver | undefined,
    private readonly onEnded: (session: Session) => void,
  ) {
    this.#guardian = new Guardian(settings.program !== undefined);
  }

  get size(): number {
    return this.#entries.size;
  }

  *[Symbol.iterator](): IterableIterator<Session> {
    for (const { session } of this.#entries.values()) yield session;
  }

  /** @throws RpcError -32001 when there are too many. */
  create(holder: SessionHolder, tokenId: string): Session {
    if (this.#entries.size >= this.settings.maxSessions) {
      throw new RpcError(
        RpcCode.overloaded,
        `too many sessions: the limit is ${this.settings.maxSessions} (--max-sessions)`,
      );
    }
    const session = new Session(randomUUID(), this.settings, this.#guardian, this.counters, this.shared, this.observer);
    this.#entries.set(session.id, { session, tokenId, holder, endTimer: undefined });
    return session;
  }

  /**
   * Gives a session to a new connection; its processes go on from where they are.
   * @throws RpcError -32600 when it is unknown, another token's, or has expired, -32010 when a connection that answers holds it.
   */
  async resume(id: string, holder: SessionHolder, tokenId: string): Promise<Session> {
    const entry = this.#entries.get(id);
    if (entry?.tokenId !== tokenId) throw new RpcError(RpcCode.invalidRequest, `unknown session id ${id}`);
    const former = entry.holder;
    if (former) {
      if ((await former.isAlive()) && entry.holder === former) {
        throw new RpcError(RpcCode.sessionAttached, `session ${id} is already attached to another connection`);
      }
      if (entry.holder !== former && entry.holder !== undefined) {
        throw new RpcError(RpcCode.sessionAttached, `session ${id} has just been taken over by another connection`);
      }
      if (this.#entries.get(id) !== entry) throw new RpcError(RpcCode.invalidRequest, `unknown session id ${id}`);
      former.displaced();
    }
    clearTimeout(entry.endTimer);
    entry.endTimer = undefined;
    entry.holder = holder;
    return entry.session;
  }

  /** The connection has ended. The session ends after its time unless another connection resumes it. */
  detach(session: Session, holder: SessionHolder): void {
    const entry = this.#entries.get(session.id);
    if (!entry || entry.holder !== holder) return;
    entry.holder = undefined;
    session.detach();
    entry.endTimer = setTimeout(() => void this.#end(entry), this.settings.detachedSessionTtlMs);
    entry.endTimer.unref();
  }

  /** Ends all sessions with all their processes. */
  async close(): Promise<void> {
    await Promise.all([...this.#entries.values()].map((entry) => this.#end(entry)));
    this.#guardian.stop();
  }

  async #end(entry: Entry): Promise<void> {
    clearTimeout(entry.endTimer);
    this.#entries.delete(entry.session.id);
    await entry.session.end();
    this.onEnded(entry.session);
  }
}
