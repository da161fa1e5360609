// What happened on the wire, as the inspector shows it and a recording holds it: messages, relay frames, and what became
// of a connection. Directions are the harness's: `out` goes to the executor.

export type Direction = 'out' | 'in';

interface Happened {
  /** Since the recording began, in ms, by a clock that only goes forward. */
  readonly atMs: number;
  /** Which connection: a name that is unique in the recording, e.g. `c1`. */
  readonly connection: string;
}

/** One JSON-RPC message, exactly as sent: it may be no JSON at all. */
export interface MessageEntry extends Happened {
  readonly kind: 'message';
  readonly dir: Direction;
  readonly text: string;
  /** The relay stream that carried it. Absent on a direct connection. */
  readonly stream?: string;
}

/** One binary message of a relay carrier: a `RelayMessageFrame`, or what claims to be one. */
export interface FrameEntry extends Happened {
  readonly kind: 'frame';
  readonly dir: Direction;
  readonly bytes: Uint8Array;
}

/** The life of a connection: dialled, opened, refused or lost, closed. */
export interface EventEntry extends Happened {
  readonly kind: 'event';
  readonly event: 'dialling' | 'open' | 'failed' | 'closed';
  /** For people, without secrets: the URL without its query, or the reason. */
  readonly detail: string;
  /** The WebSocket close code, where there is one. */
  readonly code?: number;
}

export type WireEntry = MessageEntry | FrameEntry | EventEntry;

/** Told of each entry, in order. Must not throw. */
export type Recorder = (entry: WireEntry) => void;
