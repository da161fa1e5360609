// The exec server over WebSocket: what DESIGN.md and the issue call fast, beside any other server of the protocol.

import type { Suite } from '../suite.ts';
import { ptyEcho } from '../cases/echo.ts';
import { readFileCase, writeFileCase } from '../cases/files.ts';
import { connectionMemory, processMemory, startUp } from '../cases/memory.ts';
import { neighbour } from '../cases/neighbour.ts';
import { pipeOutput, ptyOutput } from '../cases/output.ts';
import { pipelined, roundTrip } from '../cases/requests.ts';
import { parallelStarts, startPipe, startPty } from '../cases/starts.ts';

export const execServerSuite: Suite = {
  name: 'exec-server',
  own: {
    label: 'exec-workbench',
    command: 'node dist/exec-workbench.js exec-server --listen ws://127.0.0.1:0',
  },
  cases: [
    roundTrip,
    pipelined,
    startPipe,
    startPty,
    parallelStarts,
    pipeOutput,
    ptyOutput,
    ptyEcho,
    readFileCase,
    writeFileCase,
    neighbour,
    startUp,
    connectionMemory,
    processMemory,
  ],
};
