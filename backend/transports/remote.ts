// Remote executor: registers, dials the rendezvous, and turns its streams into connections; again and again.
//
//   state        event                                  next
//   registering  answered                               dialling
//   registering  fatal answer, or any before the first success    rejects
//   dialling     open                                   serving; the wait is 1 s again
//   dialling     refused, serving and lost              waiting: 1 s, doubling to 30 s; replaced: 30 s
//   waiting      time is up                             registering

import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Logger } from 'pino';
import type { CloseInfo, Connection } from '../../shared/connection/connection.ts';
import { urlWithoutSecrets } from '../../shared/connection/dialing.ts';
import { LocalError } from '../../shared/errors.ts';
import { RelayMux } from '../../shared/relay/mux.ts';
import { FrameWebSocket } from './frame-websocket.ts';
import { register, RegistryError, type Registration } from './registry-client.ts';

export interface RemoteOptions {
  /** Without a trailing slash. */
  readonly baseUrl: string;
  readonly executorId: string;
  readonly name: string;
  readonly token: string;
  readonly pingIntervalMs: number;
  readonly maxMessageBytes: number;
  /** Once per registration, with the id that the registry has answered. */
  readonly onRegistered: (executorId: string) => void;
}

const firstWaitMs = 1000;
const maxWaitMs = 30_000;
const dialTimeoutMs = 10_000;
/** Frames of other streams wait behind what is queued, so the queue is short. */
const highWaterBytes = 256 * 1024;
/** A frame is a message of an old peer and a little more. */
const frameOverheadBytes = 4096;
/** What the rendezvous closes with when another executor has taken our id. */
const replacedCode = 4001;
/** At the end, what was sent has this long to leave, ms. */
const farewellMs = 500;

export class RemoteExecutor {
  readonly #stopping = new AbortController();
  #mux: RelayMux | undefined;
  #carrierEnded: Promise<CloseInfo> | undefined;

  constructor(
    private readonly options: RemoteOptions,
    private readonly accept: (connection: Connection) => void,
    private readonly log: Logger,
  ) {}

  /** Serves until `close`. @throws RegistryError when the registry says that it is no use. */
  async run(): Promise<void> {
    const { baseUrl, executorId, name, token } = this.options;
    let waitMs = firstWaitMs;
    let hasServed = false;
    let peer = '';
    while (!this.#stopping.signal.aborted) {
      let close: CloseInfo;
      try {
        const registration = await register(baseUrl, executorId, token, { name, peer });
        ({ peer } = registration);
        if (this.#stopping.signal.aborted) return;
        this.options.onRegistered(registration.executorId);
        hasServed = true;
        const carrier = await this.#dial(registration);
        waitMs = firstWaitMs;
        close = await this.#serve(carrier, registration);
      } catch (error) {
        if (error instanceof RegistryError && !(error.isTransient && hasServed)) throw error;
        close = { reason: error instanceof Error ? error.message : String(error) };
      }
      if (this.#stopping.signal.aborted) return;
      if (close.code === replacedCode) {
        // Coming back at once would throw the other one out, which would come back at once …
        waitMs = maxWaitMs;
        this.log.warn({ executorId }, 'another executor has taken this executor id');
      }
      this.log.info({ reason: close.reason, waitMs }, 'connection to the rendezvous lost');
      await delay(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      waitMs = Math.min(2 * waitMs, maxWaitMs);
    }
  }

  /** Ends all streams, then the connection. */
  async close(): Promise<void> {
    this.#stopping.abort();
    this.#mux?.close('the executor is shutting down');
    await Promise.race([this.#carrierEnded, delay(farewellMs)]);
  }

  #dial({ url }: Registration): Promise<FrameWebSocket> {
    const maxFrameBytes = this.options.maxMessageBytes + frameOverheadBytes;
    const socket = new WebSocket(url, {
      perMessageDeflate: false,
      autoPong: false,
      handshakeTimeout: dialTimeoutMs,
      maxPayload: maxFrameBytes,
    });
    const label = urlWithoutSecrets(url);
    const { pingIntervalMs } = this.options;
    const options = { label, pingIntervalMs, highWaterBytes, maxFrameBytes, isDialled: true };
    return new Promise((resolve, reject) => {
      let raw: Socket | undefined;
      socket.once('upgrade', (response) => (raw = response.socket));
      socket.once('open', () => {
        // At once: a frame may follow the upgrade so closely that after a promise nobody would have listened to it.
        if (raw) resolve(new FrameWebSocket(socket, raw, options));
        else reject(new LocalError('connect', `cannot connect to ${label}: no upgrade`));
      });
      // The texts of `ws` name no URL.
      socket.once('error', (error) =>
        reject(new LocalError('connect', `cannot connect to ${label}: ${error.message}`)),
      );
    });
  }

  /** Until the carrier ends. Streams live on where the rendezvous keeps them for us. */
  async #serve(carrier: FrameWebSocket, { isResumable }: Registration): Promise<CloseInfo> {
    this.#mux ??= new RelayMux({
      role: 'executor',
      label: 'relay',
      limits: { maxMessageBytes: this.options.maxMessageBytes },
      onConnection: (connection) => this.accept(connection),
      onDrop: (why) => this.log.debug({ why }, 'relay frame dropped'),
    });
    this.#mux.attach(carrier);
    this.#carrierEnded = carrier.ended;
    const close = await carrier.ended;
    if (!isResumable) {
      this.#mux.close('the connection to the rendezvous was lost');
      this.#mux = undefined;
    }
    return close;
  }
}
