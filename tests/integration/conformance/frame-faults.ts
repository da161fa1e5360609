// Faults below the messages: in the frames of a WebSocket, which are changed on their way as a server with that fault would
// take or send them. Each with the cases that must fail by it, and no others.
import { concatBytes, tryUtf8Decode, utf8Encode } from '../../../shared/bytes.ts';
import {
  clientFrame,
  opcodes,
  readFrame,
  readFrames,
  type FrameShape,
  type ReadFrame,
} from '../../../shared/conformance/raw-websocket.ts';
import type { ByteEvents, ByteLink } from '../../../shared/conformance/target.ts';

/** What goes on in place of a frame; undefined: the frame as it is. */
type Change = (frame: ReadFrame) => readonly Uint8Array[] | undefined;

export interface FrameFault {
  readonly name: string;
  readonly fails: readonly string[];
  /** For each connection anew. */
  readonly toServer?: () => Change;
  readonly toHarness?: Change;
  /** What a server makes of one read, before it looks for frames. `undefined`: it drops the connection. */
  readonly read?: (bytes: Uint8Array) => Uint8Array | undefined;
  /** Frames of any length are waited for. */
  readonly takesAnyLength?: boolean;
}

/** Longer frames are not sent by any case: their length is announced only. */
const mostBytes = 2 ** 30;

type Bytes = (events: ByteEvents, url?: string) => Promise<ByteLink>;

export function faultyBytes(bytes: Bytes, fault: FrameFault): Bytes {
  return async (events, url) => {
    let fromServer: Uint8Array = new Uint8Array();
    let fromHarness: Uint8Array = new Uint8Array();
    const changeOut = fault.toServer?.() ?? (() => undefined);
    const changeIn = fault.toHarness ?? (() => undefined);
    const link = await bytes(
      {
        onEnd: (end) => events.onEnd(end),
        onBytes: (received) => {
          const { frames, rest } = readFrames(concatBytes([fromServer, received]));
          fromServer = rest;
          const out = frames.flatMap((frame) => changeIn(frame) ?? [encoded(frame)]);
          if (out.length > 0) events.onBytes(concatBytes(out));
        },
      },
      url,
    );
    const forward = (written: Uint8Array): void => {
      const taken = fault.read ? fault.read(written) : written;
      if (!taken) {
        link.close();
        return;
      }
      const { frames, rest } = readFrames(concatBytes([fromHarness, taken]));
      fromHarness = rest;
      for (const frame of frames) for (const part of changeOut(frame) ?? [encoded(frame)]) link.send(part);
      if (!fault.takesAnyLength && (readFrame(rest)?.frameBytes ?? 0) > mostBytes) link.send(rest);
    };
    return { send: forward, waitingBytes: 0, finish: () => link.finish(), close: () => link.close() };
  };
}

function encoded(frame: ReadFrame, change: FrameShape & { opcode?: number; payload?: Uint8Array } = {}): Uint8Array {
  const { opcode, payload, ...shape } = { ...frame, ...change };
  return clientFrame(opcode, payload, shape);
}

/** Client frames with that opcode go out as another frame. */
const changed =
  (isMeant: (frame: ReadFrame) => boolean, change: Parameters<typeof encoded>[1]): Change =>
  (frame) =>
    isMeant(frame) ? [encoded(frame, change)] : undefined;

const dropped =
  (isMeant: (frame: ReadFrame) => boolean): Change =>
  (frame) =>
    isMeant(frame) ? [] : undefined;

const is =
  (kind: keyof typeof opcodes) =>
  ({ opcode }: ReadFrame): boolean =>
    opcode === opcodes[kind];
const isControl = ({ opcode }: ReadFrame): boolean => opcode >= 8;
const isUtf8 = ({ payload }: ReadFrame): boolean => tryUtf8Decode(payload) !== undefined;

/** Cases in which the end has a code. */
const codes = ['RELAY-RENDEZVOUS-016', 'WEBSOCKET-009', 'WEBSOCKET-013', 'WEBSOCKET-021', 'WEBSOCKET-023'];

export const frameFaults: readonly FrameFault[] = [
  {
    name: 'each fragment is a message',
    fails: ['WEBSOCKET-001', 'WEBSOCKET-002', 'WEBSOCKET-003', 'WEBSOCKET-004'],
    toServer: () => {
      let isOpen = false;
      return (frame) => {
        if (isControl(frame)) return undefined;
        const isPart = isOpen || !frame.isFinal;
        isOpen = !frame.isFinal;
        return isPart ? [encoded(frame, { opcode: opcodes.binary, isFinal: true })] : undefined;
      };
    },
  },
  {
    name: 'pings are not answered',
    fails: ['WEBSOCKET-002', 'WEBSOCKET-007'],
    toHarness: dropped(is('pong')),
  },
  {
    name: 'pongs are empty',
    fails: ['WEBSOCKET-002', 'WEBSOCKET-007'],
    toHarness: changed(is('pong'), { payload: new Uint8Array() }),
  },
  {
    name: 'a pong that nobody asked for ends the connection',
    fails: ['WEBSOCKET-008'],
    toServer: () => changed(is('pong'), { opcode: 3 }),
  },
  {
    name: 'a ping between fragments ends the message',
    fails: ['WEBSOCKET-002'],
    toServer: () => {
      let isOpen = false;
      return (frame) => {
        if (!isControl(frame)) isOpen = !frame.isFinal;
        return is('ping')(frame) && isOpen
          ? [encoded(frame), clientFrame(opcodes.continuation, new Uint8Array())]
          : undefined;
      };
    },
  },
  { name: 'close frames are not sent', fails: codes, toHarness: dropped(is('close')) },
  {
    name: 'every end is 1000',
    fails: codes,
    toHarness: changed(is('close'), { payload: Uint8Array.of(0x03, 0xe8) }),
  },
  {
    name: 'an answer follows the close frame',
    fails: ['WEBSOCKET-010'],
    toHarness: (frame) =>
      is('close')(frame)
        ? [encoded(frame), clientFrame(opcodes.text, utf8Encode('{"id":99,"result":{}}'), { isMasked: false })]
        : undefined,
  },
  {
    name: 'a resumed session is another one',
    fails: ['WEBSOCKET-011'],
    toServer: () => (frame) => {
      const text = tryUtf8Decode(frame.payload) ?? '';
      const payload = utf8Encode(text.replace(/"resumeSessionId":"[^"]+"/, '"resumeSessionId":null'));
      return is('text')(frame) && text.includes('resumeSessionId') ? [encoded(frame, { payload })] : undefined;
    },
  },
  {
    name: 'what is no UTF-8 is repaired',
    fails: ['WEBSOCKET-012', 'WEBSOCKET-013'],
    toServer: () =>
      changed((frame) => is('text')(frame) && frame.isFinal && !isUtf8(frame), { payload: utf8Encode('"?"') }),
  },
  {
    name: 'a binary message that is no UTF-8 ends the connection',
    fails: ['WEBSOCKET-014'],
    toServer: () => changed((frame) => is('binary')(frame) && !isUtf8(frame), { opcode: opcodes.text }),
  },
  {
    name: 'masks are not asked for',
    fails: ['WEBSOCKET-015'],
    toServer: () => changed(({ isMasked }) => !isMasked, { isMasked: true }),
  },
  {
    name: 'reserved bits are ignored',
    fails: ['WEBSOCKET-016'],
    toServer: () => changed(({ reserved }) => reserved > 0, { reserved: 0 }),
  },
  {
    name: 'reserved opcodes are ignored',
    fails: ['WEBSOCKET-017'],
    toServer: () => dropped(({ opcode }) => opcode > 2 && opcode < 8),
  },
  {
    name: 'a continuation of nothing is a message',
    fails: ['WEBSOCKET-018', 'WEBSOCKET-021'],
    toServer: () => {
      let isOpen = false;
      return (frame) => {
        if (isControl(frame)) return undefined;
        const isLost = is('continuation')(frame) && !isOpen;
        isOpen = !frame.isFinal;
        return isLost ? [encoded(frame, { opcode: opcodes.text })] : undefined;
      };
    },
  },
  {
    name: 'control frames of any shape are taken',
    fails: ['WEBSOCKET-019', 'WEBSOCKET-020'],
    toServer: () => dropped((frame) => isControl(frame) && (!frame.isFinal || frame.payload.length > 125)),
  },
  {
    name: 'frames of any length are waited for',
    fails: ['RELAY-RENDEZVOUS-016', 'WEBSOCKET-022', 'WEBSOCKET-023'],
    takesAnyLength: true,
  },
  {
    name: 'a frame must come in one read',
    fails: ['RELAY-RENDEZVOUS-016', 'WEBSOCKET-005', 'WEBSOCKET-023'],
    read: (bytes) => (readFrames(bytes).rest.length === 0 ? bytes : undefined),
  },
  {
    name: 'what comes in one read with initialize is lost',
    fails: ['WEBSOCKET-006'],
    read: (bytes) => {
      const first = readFrame(bytes);
      const isInitialize = first && (tryUtf8Decode(first.payload) ?? '').includes('"initialize"');
      return isInitialize ? bytes.subarray(0, first.frameBytes) : bytes;
    },
  },
];
