// An endpoint's way through a relay: one socket to the rendezvous, any number of streams, dialled again when it is lost. The
// application above sees nothing of that but a pause. A harness's link ends with its last stream, an executor's when it is closed.
//
//   phase        event                              next
//   connected    socket lost                        waiting (harness: closed when no stream lives)
//   connected    another executor has our id        closed
//   waiting      time is up                         dialling
//   dialling     open                               connected: all streams resume
//   dialling     failed                             waiting, twice as long, up to 5 s
//   any          close(); harness: last stream ended  closed

import type { Connection } from '../connection/connection.ts';
import type { DialOptions } from '../connection/dialing.ts';
import type { WebSocketFactory } from '../connection/websocket.ts';
import { errorText, LocalError } from '../errors.ts';
import type { FrameCarrier } from '../relay/carrier.ts';
import type { RelayLimits } from '../relay/limits.ts';
import { RelayMux, type MuxStats } from '../relay/mux.ts';
import type { StreamConnection } from '../relay/stream-connection.ts';
import { dialCarrier, type WebSocketCarrier } from '../relay/websocket-carrier.ts';

export type RelayLinkStatus =
  | { readonly phase: 'connected' }
  | { readonly phase: 'waiting'; readonly reason: string }
  | { readonly phase: 'closed'; readonly reason: string };

export interface RelayLinkOptions extends DialOptions {
  /** The signed URL, or how to get one: URLs expire, so a link that lives long should ask for a new one. */
  readonly url: string | (() => Promise<string>);
  readonly factory: WebSocketFactory;
  readonly limits?: Partial<RelayLimits>;
  readonly onStatus?: (status: RelayLinkStatus) => void;
  /** Makes this end an executor: told of each stream that a harness begins. Absent: a harness. */
  readonly onConnection?: (connection: StreamConnection) => void;
  /** Puts something around each new carrier, e.g. a recorder. */
  readonly wrapCarrier?: (carrier: FrameCarrier) => FrameCarrier;
}

/** What the rendezvous closes with when another executor has taken our id (docs/relay.md "Rendezvous"). */
const replacedCode = 4001;
const firstRetryMs = 100;
const maxRetryMs = 5000;
/**
 * A reliable peer sends heartbeats more often than this, in ms. A browser cannot ping: when nothing at all comes for so
 * long, the socket is taken for dead and dialled anew.
 */
const deafAfterMs = 30_000;
const lookEveryMs = 5000;

/** One stream over a link of its own, which ends with it. @throws LocalError as `dialWebSocket`. */
export async function dialRelay(options: RelayLinkOptions): Promise<Connection> {
  return (await RelayLink.connect(options)).openStream();
}

export class RelayLink {
  status: RelayLinkStatus = { phase: 'waiting', reason: 'not connected yet' };
  readonly #mux: RelayMux;
  #carrier: WebSocketCarrier | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #lookTimer: ReturnType<typeof setTimeout> | undefined;
  #retryMs = firstRetryMs;

  private constructor(private readonly options: RelayLinkOptions) {
    this.#mux = new RelayMux({
      ...(options.onConnection ? { role: 'executor', onConnection: options.onConnection } : { role: 'harness' }),
      ...(options.label === undefined ? {} : { label: options.label }),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      onCarrierLost: ({ reason, code }) => {
        if (code === replacedCode) this.close('another executor has taken this id');
        else this.#onLost(reason);
      },
      // A turn later: the reset that says goodbye is still to be sent.
      onStreamEnd: () => queueMicrotask(() => this.#closeIfIdle()),
    });
  }

  /** @throws LocalError `invalid-argument`, `connect`, `connect-timeout`, `aborted`. */
  static async connect(options: RelayLinkOptions): Promise<RelayLink> {
    const link = new RelayLink(options);
    await link.#dial();
    return link;
  }

  get stats(): MuxStats {
    return this.#mux.stats;
  }

  /** The streams that live now. */
  streams(): IterableIterator<StreamConnection> {
    return this.#mux.connections();
  }

  /** Of a harness only. @throws LocalError `closed`. */
  openStream(): StreamConnection {
    return this.#mux.openStream();
  }

  /** Drops the socket as if the network had: the next one is dialled, and the streams resume on it. For people who test that. */
  cut(): void {
    this.#carrier?.abandon('cut by hand');
  }

  /** Ends all streams and the socket. Idempotent. */
  close(reason = `the ${this.#mux.role} has closed the connection`): void {
    if (this.status.phase === 'closed') return;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#lookTimer);
    this.#setStatus({ phase: 'closed', reason });
    this.#mux.close(reason);
  }

  async #dial(): Promise<void> {
    const { url, factory, ...dialOptions } = this.options;
    const carrier = await dialCarrier(typeof url === 'string' ? url : await url(), { factory, ...dialOptions });
    if (this.status.phase === 'closed') {
      carrier.close();
      throw new LocalError('closed', 'closed meanwhile');
    }
    this.#carrier = carrier;
    this.#retryMs = firstRetryMs;
    this.#setStatus({ phase: 'connected' });
    this.#mux.attach(this.options.wrapCarrier?.(carrier) ?? carrier);
    this.#look();
  }

  #onLost(reason: string): void {
    if (this.status.phase === 'closed') return;
    clearTimeout(this.#lookTimer);
    this.#setStatus({ phase: 'waiting', reason });
    this.#closeIfIdle();
    this.#retryLater();
  }

  #retryLater(): void {
    if (this.status.phase !== 'waiting') return;
    this.#retryTimer = setTimeout(() => {
      this.#dial().catch((error: unknown) => {
        if (this.status.phase !== 'waiting') return;
        this.#setStatus({ phase: 'waiting', reason: errorText(error) });
        this.#retryLater();
      });
    }, this.#retryMs);
    this.#retryMs = Math.min(2 * this.#retryMs, maxRetryMs);
  }

  #closeIfIdle(): void {
    if (this.#mux.role === 'executor' || this.#mux.streamCount > 0) return;
    const { status } = this;
    this.close(status.phase === 'waiting' ? status.reason : 'the last stream has ended');
  }

  #look(): void {
    this.#lookTimer = setTimeout(() => {
      const isDeaf = this.#carrier !== undefined && performance.now() - this.#carrier.lastHeardMs > deafAfterMs;
      const expectsHeartbeats = [...this.#mux.connections()].some(({ stats }) => stats.peer === 'reliable');
      if (isDeaf && expectsHeartbeats) this.#carrier?.abandon(`nothing came for ${deafAfterMs} ms`);
      else this.#look();
    }, lookEveryMs);
  }

  #setStatus(status: RelayLinkStatus): void {
    this.status = status;
    this.options.onStatus?.(status);
  }
}
