// The words for the states of a connection, the same everywhere.

import type { ConnectionStatus } from '../state/connections.svelte.ts';

export const statusWords: Readonly<Record<ConnectionStatus, string>> = {
  disconnected: 'Disconnected',
  connecting: 'Connecting…',
  connected: 'Connected',
  reconnecting: 'Reconnecting…',
};
