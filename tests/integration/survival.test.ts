// The limits of the machine and of patience: descriptors run out and come back, peers fall silent, streams that end give
// their memory back.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openFiles } from '../helpers/proc.ts';
import { RawSocket, upgradeRequest } from '../helpers/raw-socket.ts';
import { serverProgram, startServer, useServer } from '../helpers/server.ts';
import { timed, until, within } from '../helpers/until.ts';
import { AnswerError, type WireClient } from '../helpers/wire-client.ts';

describe('a server that has run out of descriptors', () => {
  it('refuses with a clear error, keeps those it has, and is well within a second after some are free again', async () => {
    const most = 120;
    const server = await startServer({
      program: ['/bin/sh', '-c', `ulimit -n ${String(most)}; exec "$@"`, 'sh', ...serverProgram()],
      args: ['--detached-session-ttl-ms', '100'],
      // Each accept that fails for want of a descriptor may be said.
      allowedStderr: /.*EMFILE.*/g,
    });
    const first = await server.connect();
    await first.run(['true']);
    const before = openFiles(server.pid).size;
    const clients: WireClient[] = [];
    while (openFiles(server.pid).size < most - 8) clients.push(await server.connect());
    // Pipes for three streams are more than what is left.
    const errors: unknown[] = [];
    const fill = async (): Promise<void> => {
      await first.start({ argv: ['sleep', '600'], pipeStdin: true }).catch((error: unknown) => errors.push(error));
    };
    while (errors.length === 0) await fill();
    expect(errors[0]).toBeInstanceOf(AnswerError);
    expect(errors[0]).toMatchObject({ code: -32603, message: expect.stringMatching(/too many open files/i) as string });
    // Those who come now wait or are turned away; nobody inside notices.
    const waiting = await Promise.all(Array.from({ length: 10 }, () => RawSocket.connect(server.port)));
    expect(await first.request('no/such/method')).toMatchObject({ error: { code: -32601 } });
    for (const socket of waiting) socket.destroy();
    for (const client of clients) client.carrier.drop();
    const recovered = await timed(() =>
      until('a start to be taken again', () =>
        first.run(['true']).then(
          (view) => view.exitCode === 0,
          () => false,
        ),
      ),
    );
    expect(recovered.tookMs).toBeLessThan(1_000);
    for (const [processId, view] of first.processes)
      if (!view.isClosed) await first.terminate(processId).catch(() => undefined);
    await until('the descriptors to be back', () => openFiles(server.pid).size <= before, {
      describe: () => `${String(openFiles(server.pid).size)} of ${String(before)}`,
    });
  });
});

describe('a peer', () => {
  const server = useServer({ args: ['--ping-interval-ms', '200', '--headers-timeout-ms', '400'] });

  it('that falls silent and answers no ping is dropped after two of them; one that answers stays', async () => {
    const answering = await server.current.connect();
    const silent = await RawSocket.connect(server.current.port);
    silent.send(upgradeRequest({ host: `127.0.0.1:${String(server.current.port)}` }));
    await silent.waitUntil('101', (received) => received.includes('\r\n\r\n'));
    const { tookMs } = await timed(() => within('its end', 5_000, silent.ended));
    expect(tookMs).toBeGreaterThan(200);
    expect((await answering.run(['echo', randomUUID()])).exitCode).toBe(0);
  });

  it('that trickles its headers, or says nothing at all, is dropped when their time is over', async () => {
    const trickling = await RawSocket.connect(server.current.port);
    const mute = await RawSocket.connect(server.current.port);
    trickling.send('GET /readyz HTTP/1.1\r\n');
    const trickle = setInterval(() => trickling.send('X-More: 1\r\n'), 50);
    const [slow, silent] = await Promise.all(
      [trickling, mute].map((socket) => timed(() => within('its end', 5_000, socket.ended))),
    );
    clearInterval(trickle);
    expect(slow!.tookMs).toBeGreaterThan(300);
    for (const { tookMs } of [slow!, silent!]) expect(tookMs).toBeLessThan(2_000);
  });
});
