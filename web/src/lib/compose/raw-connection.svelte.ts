// A connection of the composer's own, below the rules of the protocol: no handshake, nothing is answered by itself. It is in
// the wire log as any other.

import { errorText, LocalError } from '../../../../shared/errors.ts';
import type { Connection } from '../../../../shared/connection/connection.ts';
import { dial } from '../dial.ts';
import type { Target } from '../target.ts';
import type { WireLog } from '../../state/wire-log.svelte.ts';

let count = 0;

export class RawConnection {
  status = $state<'closed' | 'opening' | 'open'>('closed');
  /** Of the recording; another one each time it is opened. */
  name = $state('');
  /** Why it is not open. */
  reason = $state('');
  #connection: Connection | undefined;
  #target: Target | undefined;
  #cancel: AbortController | undefined;

  constructor(private readonly wire: WireLog) {}

  /** Does nothing while it leads there already. @throws LocalError as `dial`. */
  async open(target: Target): Promise<void> {
    if (this.status !== 'closed' && target === this.#target) return;
    this.close();
    this.#target = target;
    count++;
    this.name = `raw-${count}`;
    this.status = 'opening';
    this.reason = '';
    const cancel = new AbortController();
    this.#cancel = cancel;
    try {
      const watch = { connection: this.name, recorder: this.wire.record, nowMs: this.wire.nowMs };
      const { connection } = await dial(target, watch, cancel.signal);
      if (cancel.signal.aborted) {
        connection.close();
        throw new LocalError('aborted', 'another target was chosen meanwhile');
      }
      this.#connection = connection;
      connection.open({
        onMessage: () => undefined,
        onWritable: () => undefined,
        onClose: ({ reason }) => this.#closed(connection, reason),
      });
      this.status = 'open';
    } catch (error) {
      if (this.#cancel === cancel) {
        this.status = 'closed';
        this.reason = errorText(error);
      }
      throw error;
    }
  }

  /** @returns whether it could. */
  send(text: string): boolean {
    if (this.status !== 'open') return false;
    this.#connection?.send(text);
    return true;
  }

  close(): void {
    this.#cancel?.abort();
    this.#connection?.close();
  }

  #closed(connection: Connection, reason: string): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.status = 'closed';
    this.reason = reason;
  }
}
