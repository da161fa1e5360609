import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Connection } from '../connection/connection.ts';
import { connectionPair } from '../connection/memory.ts';
import { LocalError, RpcError } from '../errors.ts';
import { parseEnvelope, errorText, notificationText, responseText, type RequestId } from '../rpc/envelope.ts';
import { ExecServerClient, type ClientOptions, type ClientStatus } from './harness.ts';
import type { LostOutput } from './process-handle.ts';

interface Asked {
  readonly id: RequestId;
  readonly method: string;
  readonly params: Record<string, unknown>;
}

/** An exec server made by hand: answers as it is told, for each connection that the client dials. */
class FakeServer {
  readonly asked: Asked[] = [];
  readonly notified: string[] = [];
  sessionId = 's1';
  extensions: string[] = [];
  /** Answers of methods, by name; a function may throw RpcError. Without one the request is left open. */
  answers: Record<string, (params: Record<string, unknown>) => unknown> = {
    initialize: () => ({ sessionId: this.sessionId, extensions: this.extensions }),
    'process/start': ({ processId }) => ({ processId }),
  };
  connection: Connection | undefined;
  dialCount = 0;
  refusesDial = false;

  readonly dial = async (): Promise<Connection> => {
    this.dialCount++;
    if (this.refusesDial) throw new LocalError('connect', 'cannot connect to fake');
    const [near, far] = connectionPair();
    this.connection = far;
    far.open({
      onMessage: (text) => this.#serve(far, text),
      onWritable: () => undefined,
      onClose: () => undefined,
    });
    return near;
  };

  notify(method: string, params: object): void {
    this.connection?.send(notificationText(method, params));
  }

  #serve(connection: Connection, text: string): void {
    const message = parseEnvelope(text);
    if (message.kind === 'notification') this.notified.push(message.method);
    if (message.kind !== 'request') return;
    const { id, method } = message;
    const params = message.params as Record<string, unknown>;
    this.asked.push({ id, method, params });
    const answer = this.answers[method];
    if (!answer) return;
    try {
      connection.send(responseText(id, answer(params)));
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      connection.send(errorText(id, error));
    }
  }
}

/** Lets messages and promises settle; no time passes. */
const settle = () => vi.advanceTimersByTimeAsync(0);

describe('ExecServerClient', () => {
  let server: FakeServer;
  let statuses: ClientStatus[];
  const connect = (options: Partial<ClientOptions> = {}) =>
    ExecServerClient.connect({ dial: server.dial, onStatus: (status) => statuses.push(status), ...options });

  beforeEach(() => {
    vi.useFakeTimers();
    server = new FakeServer();
    statuses = [];
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('opens a session: initialize, its answer, initialized', async () => {
    server.extensions = ['process/resize'];
    const client = await connect({ clientName: 'test' });
    await settle();
    expect(server.asked[0]).toMatchObject({
      method: 'initialize',
      params: { clientName: 'test', resumeSessionId: null },
    });
    expect(server.notified).toEqual(['initialized']);
    expect(client.sessionId).toBe('s1');
    expect(client.supports('process/resize')).toBe(true);
    expect(client.supports('process/wait')).toBe(false);
    expect(statuses.map(({ phase }) => phase)).toEqual(['connecting', 'ready']);
  });

  it('gives up when initialize is not answered in time', async () => {
    server.answers = {};
    const attempt = expect(connect({ initializeTimeoutMs: 500 })).rejects.toMatchObject({ code: 'initialize-timeout' });
    await vi.advanceTimersByTimeAsync(500);
    await attempt;
    expect(statuses.at(-1)?.phase).toBe('closed');
  });

  it('takes an answer of the wrong shape for a protocol error', async () => {
    server.answers['initialize'] = () => ({ nothing: true });
    await expect(connect()).rejects.toMatchObject({ code: 'protocol' });
  });

  it('tells the events of a process in order, beginning with the first', async () => {
    const client = await connect();
    server.answers['process/start'] = ({ processId }) => {
      // As some servers do: a notification before the answer, and out of order.
      server.notify('process/exited', { processId, seq: 2, exitCode: 5 });
      server.notify('process/output', { processId, seq: 1, stream: 'stdout', chunk: 'aGk=' });
      return { processId };
    };
    const seen: string[] = [];
    const handle = await client.start(
      { processId: 'p', argv: ['x'], cwd: '/', env: {}, tty: false },
      {
        onOutput: ({ stream, bytes }) => seen.push(`${stream} ${new TextDecoder().decode(bytes)}`),
        onExited: (exitCode) => seen.push(`exited ${exitCode}`),
        onClosed: () => seen.push('closed'),
      },
    );
    server.notify('process/closed', { processId: 'p', seq: 3 });
    expect(await handle.closed()).toBe(5);
    expect(seen).toEqual(['stdout hi', 'exited 5', 'closed']);
  });

  it('forgets a process that could not be started', async () => {
    const client = await connect();
    server.answers['process/start'] = () => {
      throw new RpcError(-32603, 'No such file or directory (os error 2)');
    };
    const onOutput = vi.fn();
    const params = { processId: 'p', argv: ['x'], cwd: '/', env: {}, tty: false };
    await expect(client.start(params, { onOutput })).rejects.toMatchObject({ code: -32603 });
    server.notify('process/output', { processId: 'p', seq: 1, stream: 'stdout', chunk: 'aGk=' });
    await settle();
    expect(onOutput).not.toHaveBeenCalled();
  });

  it('resumes after a drop and reads what it has missed', async () => {
    const client = await connect();
    const seen: string[] = [];
    const handle = await client.start(
      { processId: 'p', argv: ['x'], cwd: '/', env: {}, tty: false },
      { onOutput: ({ seq }) => seen.push(String(seq)), onExited: (exitCode) => seen.push(`exited ${exitCode}`) },
    );
    server.notify('process/output', { processId: 'p', seq: 1, stream: 'stdout', chunk: 'YQ==' });
    await settle();
    server.answers['process/read'] = () => ({
      chunks: [{ seq: 2, stream: 'stdout', chunk: 'Yg==' }],
      nextSeq: 3,
      exited: true,
      exitCode: 0,
      closed: true,
    });
    server.connection?.close(1006, 'gone');
    await settle();
    expect(await handle.closed()).toBe(0);
    expect(seen).toEqual(['1', '2', 'exited 0']);
    const [, resumed] = server.asked.filter(({ method }) => method === 'initialize');
    expect(resumed?.params).toMatchObject({ resumeSessionId: 's1' });
    expect(server.asked.find(({ method }) => method === 'process/read')?.params).toMatchObject({ afterSeq: 1 });
    expect(statuses.map(({ phase }) => phase)).toEqual(['connecting', 'ready', 'waiting', 'connecting', 'ready']);
    expect(statuses.at(-1)).toMatchObject({ isResumed: true });
  });

  it('says how many bytes the server did not keep', async () => {
    server.extensions = ['process/snapshot'];
    server.answers['process/snapshot'] = () => ({
      stdout: '',
      stderr: '',
      terminal: '',
      truncated: true,
      droppedBytes: 1000,
      exitCode: null,
      running: true,
      nextSeq: 6,
    });
    server.answers['process/read'] = () => ({
      chunks: [{ seq: 5, stream: 'pty', chunk: 'YWJj' }],
      nextSeq: 6,
      exited: false,
      exitCode: null,
      closed: false,
    });
    const client = await connect({ resumeSessionId: 's1' });
    const lost: LostOutput[] = [];
    await client.adopt('p', { onLost: (loss) => lost.push(loss) }).catchUp();
    expect(lost).toEqual([{ fromSeq: 1, toSeq: 4, bytes: 997 }]);
  });

  it('begins anew, and says so, when the session is gone', async () => {
    const onSessionLost = vi.fn();
    const client = await connect({ onSessionLost });
    const onAbandoned = vi.fn();
    const handle = await client.start({ processId: 'p', argv: ['x'], cwd: '/', env: {}, tty: false }, { onAbandoned });
    server.sessionId = 's2';
    server.answers['initialize'] = ({ resumeSessionId }) => {
      if (resumeSessionId !== null) throw new RpcError(-32600, 'unknown session id s1');
      return { sessionId: 's2' };
    };
    server.connection?.close(1006, 'gone');
    await settle();
    expect(await handle.closed()).toBeUndefined();
    expect(onSessionLost).toHaveBeenCalledWith('unknown session id s1');
    expect(onAbandoned).toHaveBeenCalledOnce();
    await settle();
    expect(client.sessionId).toBe('s2');
    expect(client.status).toMatchObject({ phase: 'ready', isResumed: false });
  });

  it('waits twice as long after each failed attempt, and not at all when asked', async () => {
    const client = await connect();
    server.refusesDial = true;
    server.connection?.close(1006, 'gone');
    await settle();
    expect(server.dialCount).toBe(2);
    await vi.advanceTimersByTimeAsync(250);
    expect(server.dialCount).toBe(3);
    await vi.advanceTimersByTimeAsync(499);
    expect(server.dialCount).toBe(3);
    await vi.advanceTimersByTimeAsync(1);
    expect(server.dialCount).toBe(4);
    server.refusesDial = false;
    client.reconnectNow();
    await settle();
    expect(client.status.phase).toBe('ready');
  });

  it('fails requests without a connection, and does not dial after close', async () => {
    const client = await connect();
    const handle = await client.start({ processId: 'p', argv: ['x'], cwd: '/', env: {}, tty: false });
    client.close();
    expect(handle.state).toBe('abandoned');
    await expect(handle.write(new Uint8Array(1))).rejects.toMatchObject({ code: 'closed' });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.dialCount).toBe(1);
    expect(statuses.filter(({ phase }) => phase === 'closed')).toHaveLength(1);
  });

  it('holds messages back while paused, also over a reconnect', async () => {
    const client = await connect();
    const onOutput = vi.fn();
    await client.start({ processId: 'p', argv: ['x'], cwd: '/', env: {}, tty: false }, { onOutput });
    client.pause();
    server.notify('process/output', { processId: 'p', seq: 1, stream: 'stdout', chunk: 'YQ==' });
    await settle();
    expect(onOutput).not.toHaveBeenCalled();
    client.resume();
    await settle();
    expect(onOutput).toHaveBeenCalledOnce();

    client.pause();
    server.connection?.close(1006, 'gone');
    await settle();
    expect(client.status.phase).toBe('ready');
    server.notify('process/output', { processId: 'p', seq: 2, stream: 'stdout', chunk: 'YQ==' });
    await settle();
    expect(onOutput).toHaveBeenCalledOnce();
    client.resume();
    await settle();
    expect(onOutput).toHaveBeenCalledTimes(2);
  });

  it('gives writes ids that no other client of the session gives', async () => {
    server.answers['process/write'] = () => ({ status: 'accepted' });
    const ids: unknown[] = [];
    for (let client = 0; client < 2; client++) {
      const handle = (await connect()).adopt('p', {});
      await handle.write(new Uint8Array(1));
      await handle.write(new Uint8Array(1));
    }
    ids.push(...server.asked.filter(({ method }) => method === 'process/write').map(({ params }) => params['writeId']));
    expect(new Set(ids).size).toBe(4);
  });
});
