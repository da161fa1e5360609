// Opens the page's connections, each behind a recorder: the wire log has them from the attempt to dial to their end.

import { askWayIn } from '../../../shared/client/registry-api.ts';
import type { RelayLink } from '../../../shared/client/relay-link.ts';
import { browserSockets } from '../../../shared/client/sockets.ts';
import type { BridgeTarget } from '../../../shared/connection/bridge.ts';
import type { Connection } from '../../../shared/connection/connection.ts';
import { errorText } from '../../../shared/errors.ts';
import type { Recorder } from '../../../shared/recording/entry.ts';
import { observeCarrier, observeConnection } from '../../../shared/recording/observe.ts';
import { CuttableConnection } from './cuttable-connection.ts';
import { bridgeUrl } from './server-address.ts';
import { targetAddress, type Target } from './target.ts';

export { canHoldBack } from '../../../shared/client/sockets.ts';

export interface DialWatch {
  /** The name of the connection in the recording. */
  readonly connection: string;
  readonly recorder: Recorder;
  /** The clock of the recording, ms. */
  readonly nowMs: () => number;
  /** The relay link below the connection is lost, or there again: its streams only pause. */
  readonly onLinkLost?: (isLost: boolean) => void;
}

export interface Dialled {
  readonly connection: Connection;
  /** Drops the carrier as if the network had: whoever uses the connection hears at once that it is lost. */
  readonly cut: () => void;
  /** The relay link below it. */
  readonly link?: RelayLink;
}

/** @throws LocalError as `dialWebSocket`, and `connect` when the registry does not let us in or knows no such executor. */
export async function dial(target: Target, watch: DialWatch, signal: AbortSignal): Promise<Dialled> {
  const address = targetAddress(target);
  try {
    return target.kind === 'relay' ? await dialRelay(target, watch, signal) : await dialPlain(target, watch, signal);
  } catch (error) {
    tell(watch, 'failed', `${address}: ${errorText(error)}`);
    throw error;
  }
}

async function dialPlain(
  target: Exclude<Target, { kind: 'relay' }>,
  watch: DialWatch,
  signal: AbortSignal,
): Promise<Dialled> {
  tell(watch, 'dialling', targetAddress(target));
  const inner =
    target.kind === 'direct'
      ? await browserSockets.dial(target.url, { signal, ...(target.token === '' ? {} : { token: target.token }) })
      : await dialBridge(target, signal);
  tell(watch, 'open', target.kind === 'direct' ? inner.label : `by the bridge: ${targetAddress(target)}`);
  const connection = new CuttableConnection(inner);
  return { connection: observeConnection(connection, watch), cut: () => connection.cut() };
}

/** This page's server connects, and passes on what is said. */
async function dialBridge(
  target: Extract<Target, { kind: 'bridge' | 'stdio' }>,
  signal: AbortSignal,
): Promise<Connection> {
  const { openBridge } = await import('../../../shared/connection/bridge.ts');
  const socket = await browserSockets.dial(bridgeUrl(), { signal });
  const abort = () => socket.close();
  signal.addEventListener('abort', abort);
  try {
    return await openBridge(socket, bridgeTargetOf(target));
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function bridgeTargetOf(target: Extract<Target, { kind: 'bridge' | 'stdio' }>): BridgeTarget {
  if (target.kind === 'stdio') {
    return { command: target.argv, ...(target.cwd === '' ? {} : { cwd: target.cwd }) };
  }
  const named = target.headers.filter(({ name }) => name.trim() !== '');
  return {
    target: target.url,
    headers: Object.fromEntries(named.map(({ name, value }) => [name.trim(), value.trim()])),
  };
}

/** Each dial of the link asks for a new URL: they expire. */
async function dialRelay(
  target: Extract<Target, { kind: 'relay' }>,
  watch: DialWatch,
  signal: AbortSignal,
): Promise<Dialled> {
  const { RelayLink } = await import('../../../shared/client/relay-link.ts');
  let peer: string | undefined;
  const link = await RelayLink.connect({
    factory: browserSockets.factory,
    signal,
    url: async () => {
      tell(watch, 'dialling', targetAddress(target));
      if (target.url !== '') return target.url;
      const url = await askWayIn({ registry: location.origin }, target.executorId, { signal, peer });
      peer = new URL(url).searchParams.get('peer') ?? undefined;
      return url;
    },
    onStatus: ({ phase }) => watch.onLinkLost?.(phase === 'waiting'),
    wrapCarrier: (carrier) => {
      tell(watch, 'open', carrier.label);
      return observeCarrier(carrier, watch);
    },
  });
  const stream = link.openStream();
  const connection = observeConnection(stream, { ...watch, stream: stream.streamId });
  return { connection, cut: () => link.cut(), link };
}

function tell({ connection, recorder, nowMs }: DialWatch, event: 'dialling' | 'open' | 'failed', detail: string): void {
  recorder({ kind: 'event', event, connection, atMs: nowMs(), detail });
}
