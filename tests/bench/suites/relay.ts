// The relay: what it adds to a direct connection, what the rendezvous can carry, what idle streams cost.

import { idleStreams, relayLatency, relayOutput, rendezvousFrames } from '../cases/relay.ts';
import type { Suite } from '../suite.ts';

export const relaySuite: Suite = {
  name: 'relay',
  own: {
    label: 'exec-workbench',
    command: "node dist/exec-workbench.js serve --port 0 | sed -u -n \"s/.*'\\(ws:[^']*\\)' codex.*/\\1 /p\"",
  },
  cases: [relayLatency, relayOutput, rendezvousFrames, idleStreams],
};
