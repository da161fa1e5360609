import { describe, expect, it, vi } from 'vitest';
import type { CloseInfo, Connection } from './connection.ts';
import { dialWebSocket, type WebSocketLike } from './websocket.ts';
import { dialWebSocketStream, type WebSocketStreamLike } from './websocket-stream.ts';
import { urlWithoutSecrets } from './dialing.ts';

class FakeSocket {
  binaryType = 'blob';
  readyState = 0;
  bufferedAmount = 0;
  readonly sent: unknown[] = [];
  readonly closed: unknown[] = [];
  readonly #listeners = new Map<string, ((event: never) => void)[]>();

  send(data: unknown): void {
    this.sent.push(data);
  }
  close(code?: number, reason?: string): void {
    this.closed.push([code, reason]);
  }
  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }
  emit(type: string, event: object = {}): void {
    if (type === 'open') this.readyState = 1;
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }
}

function opened(connection: Connection) {
  const messages: string[] = [];
  const closes: CloseInfo[] = [];
  const onWritable = vi.fn();
  connection.open({
    onMessage: (text) => messages.push(text),
    onWritable,
    onClose: (close) => closes.push(close),
  });
  return { messages, closes, onWritable };
}

async function dialFake(url = 'ws://host/exec?token=secret') {
  const socket = new FakeSocket();
  const dialing = dialWebSocket(url, { factory: () => socket });
  socket.emit('open');
  return { socket, connection: await dialing };
}

describe('a WebSocket connection', () => {
  it('has a label without secrets', async () => {
    expect((await dialFake()).connection.label).toBe('ws://host/exec');
    expect(urlWithoutSecrets('wss://user:pass@host:1/p?token=x#y')).toBe('wss://host:1/p');
  });

  it('delivers what came before open and while paused, in order', async () => {
    const { socket, connection } = await dialFake();
    socket.emit('message', { data: '1' });
    const { messages } = opened(connection);
    socket.emit('message', { data: new TextEncoder().encode('2').buffer });
    connection.pause();
    socket.emit('message', { data: '3' });
    expect(messages).toEqual(['1', '2']);
    connection.resume();
    socket.emit('message', { data: '4' });
    expect(messages).toEqual(['1', '2', '3', '4']);
  });

  it('stays in order when paused by what it delivers', async () => {
    const { socket, connection } = await dialFake();
    const messages: string[] = [];
    for (const data of ['1', '2', '3']) socket.emit('message', { data });
    connection.open({
      onMessage: (text) => {
        messages.push(text);
        if (text === '1') connection.pause();
      },
      onWritable: () => undefined,
      onClose: () => undefined,
    });
    expect(messages).toEqual(['1']);
    connection.resume();
    expect(messages).toEqual(['1', '2', '3']);
  });

  it('asks to wait while much is unsent, and says when to go on', async () => {
    vi.useFakeTimers();
    const { socket, connection } = await dialFake();
    const { onWritable } = opened(connection);
    expect(connection.send('small')).toBe(true);
    socket.bufferedAmount = 5_000_000;
    expect(connection.send('more')).toBe(false);
    await vi.advanceTimersByTimeAsync(50);
    expect(onWritable).not.toHaveBeenCalled();
    socket.bufferedAmount = 0;
    await vi.advanceTimersByTimeAsync(50);
    expect(onWritable).toHaveBeenCalledOnce();
    vi.useRealTimers();
  });

  it('sends bytes as text', async () => {
    const { socket, connection } = await dialFake();
    connection.send(new TextEncoder().encode('{"a":"ä"}'));
    expect(socket.sent).toEqual(['{"a":"ä"}']);
  });

  it('tells the end once, with a reason for people, and sends nothing after it', async () => {
    const { socket, connection } = await dialFake();
    const { closes } = opened(connection);
    socket.emit('close', { code: 1006, reason: '' });
    socket.emit('close', { code: 1000, reason: 'again' });
    expect(closes).toEqual([{ code: 1006, reason: 'connection lost' }]);
    expect(connection.send('late')).toBe(false);
    expect(socket.sent).toEqual([]);
  });

  it('fails to connect in words: refused, too late, aborted, no URL', async () => {
    const socket = new FakeSocket();
    const factory = (): WebSocketLike => socket;
    const refused = dialWebSocket('ws://host/', { factory });
    socket.emit('error', { message: 'ECONNREFUSED' });
    socket.emit('close', { code: 1006, reason: '' });
    await expect(refused).rejects.toMatchObject({
      code: 'connect',
      message: 'cannot connect to ws://host/: ECONNREFUSED',
    });

    vi.useFakeTimers();
    const late = expect(dialWebSocket('ws://host/', { factory, timeoutMs: 100 })).rejects.toMatchObject({
      code: 'connect-timeout',
    });
    await vi.advanceTimersByTimeAsync(100);
    await late;
    vi.useRealTimers();

    const abort = new AbortController();
    const aborted = dialWebSocket('ws://host/', { factory, signal: abort.signal });
    abort.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' });
    await expect(dialWebSocket('ws://host/', { factory, signal: abort.signal })).rejects.toMatchObject({
      code: 'aborted',
    });

    const bad = dialWebSocket('nonsense', {
      factory: () => {
        throw new SyntaxError('bad URL');
      },
    });
    await expect(bad).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});

/** A WebSocketStream whose reader shows how far it was read. */
function fakeStream() {
  const waiting: unknown[] = [];
  let reads = 0;
  let wake: (() => void) | undefined;
  let isEnded = false;
  const written: string[] = [];
  const writes: (() => void)[] = [];
  let end: (info: { closeCode: number; reason: string }) => void = () => undefined;
  const stream: WebSocketStreamLike = {
    opened: Promise.resolve({
      readable: {
        getReader: () => ({
          read: async () => {
            reads++;
            while (waiting.length === 0 && !isEnded) await new Promise<void>((resolve) => (wake = resolve));
            return waiting.length > 0 ? { done: false, value: waiting.shift() } : { done: true };
          },
        }),
      },
      writable: {
        getWriter: () => ({
          write: (text: string) => {
            written.push(text);
            return new Promise<void>((resolve) => writes.push(resolve));
          },
        }),
      },
    }),
    closed: new Promise((resolve) => (end = resolve)),
    close: () => undefined,
  };
  return {
    stream,
    written,
    writes,
    get reads() {
      return reads;
    },
    receive(...messages: unknown[]) {
      waiting.push(...messages);
      wake?.();
    },
    end(closeCode: number, reason: string) {
      isEnded = true;
      end({ closeCode, reason });
      wake?.();
    },
  };
}

describe('a WebSocketStream connection', () => {
  /** The stand-in and the connection wait for promises only: those are all done when the event loop turns. */
  const settle = () => new Promise((resolve) => setImmediate(resolve));

  it('does not read while paused', async () => {
    const fake = fakeStream();
    const connection = await dialWebSocketStream('ws://host/', { factory: () => fake.stream });
    const { messages } = opened(connection);
    fake.receive('1', new TextEncoder().encode('2'));
    await settle();
    expect(messages).toEqual(['1', '2']);
    connection.pause();
    // One read is under way.
    fake.receive('3', '4', '5');
    await settle();
    expect(messages).toEqual(['1', '2', '3']);
    const { reads } = fake;
    await settle();
    expect(fake.reads).toBe(reads);
    connection.resume();
    await settle();
    expect(messages).toEqual(['1', '2', '3', '4', '5']);
  });

  it('asks to wait while much is unsent, and says when to go on', async () => {
    const fake = fakeStream();
    const connection = await dialWebSocketStream('ws://host/', { factory: () => fake.stream });
    const { onWritable } = opened(connection);
    expect(connection.send('x'.repeat(2_000_000))).toBe(false);
    expect(connection.bufferedBytes).toBe(2_000_000);
    fake.writes[0]?.();
    await settle();
    expect(onWritable).toHaveBeenCalledOnce();
    expect(connection.isWritable).toBe(true);
  });

  it('tells the end once, after the last message', async () => {
    const fake = fakeStream();
    const connection = await dialWebSocketStream('ws://host/', { factory: () => fake.stream });
    const { messages, closes } = opened(connection);
    fake.receive('last');
    fake.end(1001, 'the server is shutting down');
    await settle();
    expect(messages).toEqual(['last']);
    expect(closes).toEqual([{ code: 1001, reason: 'the server is shutting down' }]);
    expect(connection.send('late')).toBe(false);
  });

  it('fails to connect in words', async () => {
    const failed = Promise.reject(new Error('WebSocket closed'));
    failed.catch(() => undefined);
    const stream: WebSocketStreamLike = { opened: failed, closed: failed, close: () => undefined };
    await expect(dialWebSocketStream('ws://host/?token=x', { factory: () => stream })).rejects.toMatchObject({
      code: 'connect',
      message: 'cannot connect to ws://host/',
    });
  });
});
