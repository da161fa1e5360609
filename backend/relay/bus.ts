// FrameBus: how rendezvous nodes reach each other. It carries opaque messages, in order from one node to another; what
// gets lost on the way is resent by the endpoints of the streams. node-link.ts says what is in the messages.

export interface BusHandler {
  /** One whole message of another node. It may be kept. */
  onMessage(from: string, message: Uint8Array): void;
  /** After `isWritable` was false. */
  onWritable(): void;
}

export interface FrameBus {
  /** Tells this node from the others. */
  readonly nodeId: string;
  /** False while too much waits to be sent: senders should be paused. */
  readonly isWritable: boolean;
  /** Starts delivery. Call exactly once. @throws Error when the bus cannot be reached. */
  open(handler: BusHandler): Promise<void>;
  /** To one node. Never throws; a message to a node that is gone is lost. */
  send(nodeId: string, message: Uint8Array): void;
  /** To all others. */
  broadcast(message: Uint8Array): void;
  close(): Promise<void>;
}
