// A raw way to a rendezvous, for frames that are composed by hand: no stream is kept, nothing is acknowledged by itself. What
// goes through is in the wire log.

import { askWayIn } from '../../../../shared/client/registry-api.ts';
import { browserSockets } from '../../../../shared/client/sockets.ts';
import { urlWithoutSecrets } from '../../../../shared/connection/dialing.ts';
import { errorText } from '../../../../shared/errors.ts';
import { observeCarrier } from '../../../../shared/recording/observe.ts';
import { decodeFrame } from '../../../../shared/relay/codec.ts';
import type { FrameCarrier } from '../../../../shared/relay/carrier.ts';
import { frameText } from '../../../../shared/relay/frame.ts';
import { dialCarrier } from '../../../../shared/relay/websocket-carrier.ts';
import type { WireLog } from '../../state/wire-log.svelte.ts';

export interface SeenFrame {
  readonly number: number;
  readonly dir: 'out' | 'in';
  readonly bytes: Uint8Array;
  /** In one line. */
  readonly text: string;
}

const maxSeen = 200;
let count = 0;

export class FrameLink {
  status = $state<'closed' | 'opening' | 'open'>('closed');
  /** Of the recording; another one each time it is opened. */
  name = $state('');
  /** Why it is not open. */
  problem = $state('');
  /** Newest first. */
  seen = $state.raw<readonly SeenFrame[]>([]);
  #carrier: FrameCarrier | undefined;
  #cancel: AbortController | undefined;
  #seenCount = 0;

  constructor(private readonly wire: WireLog) {}

  /** @param where A signed URL (`…?role=harness&…`), or the id of an executor that this page's server knows. */
  async open(where: string): Promise<void> {
    if (this.status !== 'closed') return;
    count++;
    const name = `frames-${count}`;
    this.name = name;
    this.status = 'opening';
    this.problem = '';
    const cancel = new AbortController();
    this.#cancel = cancel;
    const { signal } = cancel;
    const watch = { connection: name, recorder: this.wire.record, nowMs: this.wire.nowMs };
    const tell = (event: 'open' | 'failed', detail: string) =>
      this.wire.record({ kind: 'event', event, connection: name, atMs: this.wire.nowMs(), detail });
    try {
      const isUrl = /^wss?:\/\//.test(where);
      const url = isUrl ? where : await askWayIn({ registry: location.origin }, where, { signal });
      const carrier = await dialCarrier(url, { factory: browserSockets.factory, signal });
      tell('open', urlWithoutSecrets(url));
      const observed = observeCarrier(carrier, watch);
      this.#carrier = observed;
      observed.open({
        onFrame: (bytes) => this.#see('in', bytes),
        onWritable: () => undefined,
        onClose: ({ reason, code }) => this.#closed(observed, `${reason}${code === undefined ? '' : ` (${code})`}`),
      });
      this.status = 'open';
    } catch (error) {
      tell('failed', errorText(error));
      this.status = 'closed';
      this.problem = errorText(error);
    }
  }

  /** @returns whether it could. */
  send(bytes: Uint8Array<ArrayBuffer>): boolean {
    if (this.status !== 'open' || !this.#carrier) return false;
    this.#carrier.send(bytes);
    this.#see('out', bytes);
    return true;
  }

  close(): void {
    this.#cancel?.abort();
    this.#carrier?.close();
  }

  #see(dir: SeenFrame['dir'], bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    const text = typeof frame === 'string' ? `no valid frame: ${frame}` : frameText(frame);
    this.seen = [{ number: ++this.#seenCount, dir, bytes, text }, ...this.seen].slice(0, maxSeen);
  }

  #closed(carrier: FrameCarrier, reason: string): void {
    if (this.#carrier !== carrier) return;
    this.#carrier = undefined;
    this.status = 'closed';
    this.problem = reason;
  }
}
