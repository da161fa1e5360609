// A deliberately faulty relay: sockets to the real one, on which frames are changed as they come. What such a socket carries,
// an executor or a rendezvous with that fault would have sent.
import { WebSocket } from 'ws';
import type { WebSocketFactory, WebSocketLike } from '../../../shared/connection/websocket.ts';
import { messageBytes } from '../../../shared/connection/dialing.ts';
import { decodeFrame, encodeFrame } from '../../../shared/relay/codec.ts';
import type { RelayFrame } from '../../../shared/relay/frame.ts';

export interface RelayFault {
  readonly name: string;
  /** Ids of the cases that must fail by it, and no others. */
  readonly fails: readonly string[];
  /** What comes in place of a frame. */
  readonly frames: (frame: RelayFrame) => readonly RelayFrame[];
}

/** Sockets whose incoming frames have that fault. */
export function faultySockets({ frames }: Pick<RelayFault, 'frames'>): WebSocketFactory {
  return (url) => {
    const socket: WebSocketLike = new WebSocket(url, { perMessageDeflate: false });
    return {
      get binaryType() {
        return socket.binaryType;
      },
      set binaryType(type) {
        socket.binaryType = type;
      },
      get readyState() {
        return socket.readyState;
      },
      get bufferedAmount() {
        return socket.bufferedAmount;
      },
      send: (data) => socket.send(data),
      close: (code, reason) => socket.close(code, reason),
      addEventListener(type: 'open' | 'error' | 'message' | 'close', listener: (event: never) => void) {
        if (type !== 'message') return socket.addEventListener(type as 'open', listener as () => void);
        socket.addEventListener('message', ({ data }) => {
          const bytes = messageBytes(data);
          const frame = bytes ? decodeFrame(bytes) : 'malformed';
          const pass = listener as (event: { data: unknown }) => void;
          if (typeof frame === 'string') return pass({ data });
          for (const changed of frames(frame)) pass({ data: encodeFrame(changed) });
        });
      },
    };
  };
}

export const relayFaults: readonly RelayFault[] = [
  {
    name: 'nothing is ever acknowledged',
    fails: ['RELAY-ENDPOINT-011', 'RELAY-RENDEZVOUS-001', 'RELAY-RENDEZVOUS-003'],
    frames: (frame) => (frame.body.kind === 'ackFrame' ? [] : [{ ...frame, ack: 0, ackBits: 0 }]),
  },
  {
    name: 'segments count from 1',
    fails: ['RELAY-ENDPOINT-010', 'RELAY-ENDPOINT-016', 'RELAY-RENDEZVOUS-001'],
    frames: (frame) => {
      const { body } = frame;
      if (body.kind !== 'data') return [frame];
      const { segmentIndex, segmentCount } = body;
      return [{ ...frame, body: { ...body, segmentIndex: segmentIndex + 1, segmentCount: segmentCount + 1 } }];
    },
  },
  {
    name: 'data frames come twice',
    fails: [
      'RELAY-ENDPOINT-002',
      'RELAY-ENDPOINT-012',
      'RELAY-ENDPOINT-013',
      'RELAY-RENDEZVOUS-002',
      'RELAY-RENDEZVOUS-004',
      'RELAY-RENDEZVOUS-005',
      'RELAY-RENDEZVOUS-006',
      'RELAY-RENDEZVOUS-007',
      'RELAY-RENDEZVOUS-008',
      'RELAY-RENDEZVOUS-014',
    ],
    frames: (frame) => (frame.body.kind === 'data' ? [frame, frame] : [frame]),
  },
  {
    name: 'resets do not come',
    fails: [
      'RELAY-ENDPOINT-008',
      'RELAY-ENDPOINT-018',
      'RELAY-ENDPOINT-019',
      'RELAY-ENDPOINT-021',
      'RELAY-ENDPOINT-022',
      'RELAY-RENDEZVOUS-008',
      'RELAY-RENDEZVOUS-009',
      'RELAY-RENDEZVOUS-010',
      'RELAY-RENDEZVOUS-011',
      'RELAY-RENDEZVOUS-012',
      'RELAY-RENDEZVOUS-015',
    ],
    frames: (frame) => (frame.body.kind === 'reset' ? [] : [frame]),
  },
  {
    name: 'resets give no reason of their own',
    fails: [
      'RELAY-ENDPOINT-018',
      'RELAY-ENDPOINT-019',
      'RELAY-ENDPOINT-021',
      'RELAY-ENDPOINT-022',
      'RELAY-RENDEZVOUS-008',
      'RELAY-RENDEZVOUS-009',
      'RELAY-RENDEZVOUS-010',
      'RELAY-RENDEZVOUS-012',
      'RELAY-RENDEZVOUS-015',
    ],
    frames: (frame) =>
      frame.body.kind === 'reset' ? [{ ...frame, body: { kind: 'reset', reason: 'closed' } }] : [frame],
  },
  {
    name: 'heartbeats do not come',
    fails: ['RELAY-RENDEZVOUS-003'],
    frames: (frame) => (frame.body.kind === 'heartbeat' ? [] : [frame]),
  },
];
