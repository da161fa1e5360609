// WebSocket messages frame by frame (RFC 6455; docs/protocol.md, "Transports"): fragments, pings, the close handshake, and
// what ends a connection.

import { concatBytes, utf8Encode } from '../../bytes.ts';
import { family, type ConformanceCase } from '../case.ts';
import type { CaseContext } from '../context.ts';
import { expectEqual, expectThat } from '../mismatch.ts';
import { clientFrame, opcodes, RawWebSocket, type FrameShape } from '../raw-websocket.ts';

const { must, should } = family('WEBSOCKET', 'docs/protocol.md, Transports', { needs: ['websocket', 'bytes'] });

const initialize = '{"id":1,"method":"initialize","params":{"clientName":"é😀"}}';
/** As large as no message is: what is announced, not what is sent. */
const hugeBytes = 2 ** 40;

async function expectSession(socket: RawWebSocket): Promise<void> {
  const { result } = await socket.answer(1);
  expectThat(result !== undefined, 'the answer to initialize', await socket.answer(1));
}

/** `bytes` in frames of these lengths, the last one with the rest. */
function sendInFrames(socket: RawWebSocket, bytes: Uint8Array, lengths: readonly number[], first = 'text'): void {
  let at = 0;
  lengths.forEach((length, index) => {
    const kind = index > 0 ? 'continuation' : first === 'text' ? 'text' : 'binary';
    socket.send(kind, bytes.subarray(at, at + length), { isFinal: false });
    at += length;
  });
  socket.send('continuation', bytes.subarray(at));
}

/** A frame that no client may send ends the connection; `code` where it is asked for by a close frame. */
function ends(kind: keyof typeof opcodes | number, payload: string | Uint8Array, shape?: FrameShape, code?: number) {
  return async (t: CaseContext) => {
    const socket = await RawWebSocket.open(t);
    await socket.shakeHands();
    socket.send(kind, payload, shape);
    const got = await socket.ended();
    if (code !== undefined) expectEqual('the code of the close frame', got, code);
  };
}

const noUtf8 = Uint8Array.of(0x22, 0xc3, 0x28, 0x22);

export const websocketCases: readonly ConformanceCase[] = [
  must(1, 'a message in fragments is one message, also when they part a character', async (t) => {
    const socket = await RawWebSocket.open(t);
    const bytes = utf8Encode(initialize);
    // Within é, and within 😀.
    const at = bytes.indexOf(0xc3) + 1;
    sendInFrames(socket, bytes, [5, at - 5, 3]);
    await expectSession(socket);
  }),
  must(2, 'a ping between fragments is answered and parts no message', async (t) => {
    const socket = await RawWebSocket.open(t);
    socket.send('text', initialize.slice(0, 9), { isFinal: false });
    socket.send('ping', 'between');
    socket.send('continuation', initialize.slice(9));
    await expectSession(socket);
    expectEqual('the payload of the pong', [...(await socket.next('pong')).payload], [...utf8Encode('between')]);
  }),
  must(3, 'a binary message in fragments is one message', async (t) => {
    const socket = await RawWebSocket.open(t);
    sendInFrames(socket, utf8Encode(initialize), [1, 20], 'binary');
    await expectSession(socket);
  }),
  must(4, 'a message in 1000 fragments, some of them empty, is one message', async (t) => {
    const socket = await RawWebSocket.open(t);
    const bytes = utf8Encode(initialize.padEnd(900, ' '));
    sendInFrames(socket, bytes, [...Array<number>(100).fill(0), ...Array<number>(899).fill(1)]);
    await expectSession(socket);
  }),
  must(5, 'a frame may come byte by byte', async (t) => {
    const socket = await RawWebSocket.open(t);
    for (const byte of clientFrame(opcodes.text, utf8Encode(initialize))) {
      socket.sendBytes(Uint8Array.of(byte));
      await t.sleep(0);
    }
    await expectSession(socket);
  }),
  must(6, 'several frames may come at once', async (t) => {
    const socket = await RawWebSocket.open(t);
    const texts = [
      initialize,
      '{"method":"initialized"}',
      '{"id":2,"method":"process/terminate","params":{"processId":"n"}}',
    ];
    socket.sendBytes(concatBytes(texts.map((text) => clientFrame(opcodes.text, utf8Encode(text)))));
    expectEqual('the answer to the last', (await socket.answer(2))['result'], { running: false });
  }),
  must(7, 'a ping is answered with a pong of the same payload', async (t) => {
    const socket = await RawWebSocket.open(t);
    for (const payload of ['', 'p'.repeat(125)]) {
      const former = socket.frames.filter(({ opcode }) => opcode === opcodes.pong).length;
      socket.send('ping', payload);
      expectEqual('its length', (await socket.next('pong', former)).payload.length, payload.length);
    }
  }),
  must(8, 'a pong that nobody asked for changes nothing', async (t) => {
    const socket = await RawWebSocket.open(t);
    socket.send('pong', 'unasked');
    await socket.shakeHands();
  }),
  should(9, 'a close frame is answered with one of the same code', async (t) => {
    const socket = await RawWebSocket.open(t);
    await socket.shakeHands();
    socket.close(4321, 'the case says so');
    expectEqual('the code', await socket.ended(), 4321);
  }),
  must(10, 'nothing is sent after a close frame', async (t) => {
    const socket = await RawWebSocket.open(t);
    await socket.shakeHands();
    // Both at once: the answer is due, and so is the end.
    const request = '{"id":2,"method":"process/terminate","params":{"processId":"n"}}';
    const goodbye = clientFrame(opcodes.close, Uint8Array.of(0x03, 0xe8));
    socket.sendBytes(concatBytes([clientFrame(opcodes.text, utf8Encode(request)), goodbye]));
    await t.parts.waiting.until('the end of the TCP connection', t.waitMs, () => socket.isEnded || undefined);
    const at = socket.frames.findIndex(({ opcode }) => opcode === opcodes.close);
    expectEqual('frames after it', at === -1 ? 0 : socket.frames.length - at - 1, 0);
  }),
  must(
    11,
    'a connection that is dropped without a close frame detaches its session',
    async (t) => {
      const socket = await RawWebSocket.open(t);
      const sessionId = await socket.shakeHands();
      socket.drop();
      const next = await RawWebSocket.open(t);
      expectEqual('the resumed session', await next.shakeHands(sessionId), sessionId);
    },
    { needs: ['websocket', 'bytes', 'sessions'] },
  ),
  must(12, 'a text that is no UTF-8 is no message', async (t) => {
    const socket = await RawWebSocket.open(t);
    await socket.shakeHands();
    socket.send('text', noUtf8);
    await socket.ended();
  }),
  should(13, 'a text that is no UTF-8 ends the connection with 1007', ends('text', noUtf8, {}, 1007)),
  should(14, 'a binary message that is no UTF-8 is malformed, and the connection goes on', async (t) => {
    const socket = await RawWebSocket.open(t);
    socket.send('binary', noUtf8);
    expectThat('error' in (await socket.answer(-1)), 'an error', await socket.answer(-1));
    await socket.shakeHands();
  }),
  must(15, 'a frame that is not masked ends the connection', ends('text', '{"id":5}', { isMasked: false })),
  must(16, 'a reserved bit ends the connection', ends('text', '{"id":5}', { reserved: 4 })),
  must(17, 'a reserved opcode ends the connection', ends(3, '')),
  must(18, 'a continuation of nothing ends the connection', ends('continuation', '{}')),
  must(19, 'a control frame in fragments ends the connection', ends('ping', 'p', { isFinal: false })),
  must(20, 'a control frame of 126 bytes ends the connection', ends('ping', 'p'.repeat(126))),
  should(21, 'a frame that breaks RFC 6455 ends the connection with 1002', ends('continuation', '{}', {}, 1002)),
  must(22, 'a frame larger than any limit ends the connection before its bytes', async (t) => {
    const socket = await RawWebSocket.open(t);
    await socket.shakeHands();
    socket.send('text', '{"id":', { announcedBytes: hugeBytes });
    await socket.ended();
  }),
  should(
    23,
    'a frame larger than any limit ends the connection with 1009',
    ends('text', '{"id":', { announcedBytes: hugeBytes }, 1009),
  ),
  should(
    24,
    'a silent connection is pinged',
    async (t) => {
      const socket = await RawWebSocket.open(t);
      await socket.shakeHands();
      await socket.next('ping', 0, 60_000);
    },
    { needs: ['websocket', 'bytes', 'slow'], timeoutMs: 90_000 },
  ),
  should(
    25,
    'who answers no ping is dropped',
    async (t) => {
      const socket = await RawWebSocket.open(t);
      await socket.shakeHands();
      await socket.ended(120_000);
    },
    { needs: ['websocket', 'bytes', 'slow'], timeoutMs: 150_000 },
  ),
];
