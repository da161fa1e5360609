// The bus inside one process: for a single node, which meets nobody on it, and for tests with several nodes.

import { randomUUID } from 'node:crypto';
import type { BusHandler, FrameBus } from './bus.ts';

/** What buses of one process meet on. */
export class MemoryHub {
  readonly nodes = new Map<string, BusHandler>();
}

export class MemoryBus implements FrameBus {
  readonly nodeId = randomUUID();
  readonly isWritable = true;

  constructor(private readonly hub = new MemoryHub()) {}

  open(handler: BusHandler): Promise<void> {
    this.hub.nodes.set(this.nodeId, handler);
    return Promise.resolve();
  }

  send(nodeId: string, message: Uint8Array): void {
    // A turn later, as over a network: whoever sends is not called back meanwhile.
    if (this.hub.nodes.has(nodeId)) setImmediate(() => this.hub.nodes.get(nodeId)?.onMessage(this.nodeId, message));
  }

  broadcast(message: Uint8Array): void {
    for (const nodeId of this.hub.nodes.keys()) if (nodeId !== this.nodeId) this.send(nodeId, message);
  }

  close(): Promise<void> {
    this.hub.nodes.delete(this.nodeId);
    return Promise.resolve();
  }
}
