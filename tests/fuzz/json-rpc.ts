// JSON-RPC over WebSocket: damaged messages of every method on connections that must go on, before and after the handshake.
import { connectWebSocket } from '../helpers/carriers.ts';
import { OwnProgram } from '../helpers/own-program.ts';
import { WireClient } from '../helpers/wire-client.ts';
import { fuzzedMessage } from './messages.ts';
import type { FuzzSuite } from './suite.ts';

/** Sessions of ended connections go soon, and no request leaves this machine. */
export const EXEC_FLAGS = [
  ...['--detached-session-ttl-ms', '500', '--http-deny', 'all', '--http-allow', '127.0.0.0/8'],
  ...['--max-processes', '200'],
];
const ANSWER_MS = 30_000;

/** What the first process of a server, and the first that is confined, take for good is no leak. */
export async function runFirst(client: WireClient): Promise<void> {
  const entries = [{ path: { type: 'special', value: { kind: 'root' } }, access: 'read' }];
  const permissions = { type: 'managed', file_system: { type: 'restricted', entries }, network: 'restricted' };
  await client.run(['true'], {}, ANSWER_MS);
  await client.run(['true'], { sandbox: { permissions, windowsSandboxLevel: 'disabled' } }, ANSWER_MS);
}

export const jsonRpc: FuzzSuite = {
  name: 'JSON-RPC',
  share: 0.5,
  batch: 500,
  generate: (random, count) => Array.from({ length: count }, () => fuzzedMessage(random)),
  async start() {
    const program = await OwnProgram.listen('exec-server', EXEC_FLAGS);
    const first = new WireClient(await connectWebSocket(program.url, { withinMs: ANSWER_MS }));
    await first.initialize();
    await runFirst(first);
    await first.carrier.close();
    let round = 0;
    return {
      programs: [program],
      async send(inputs) {
        const carrier = await connectWebSocket(program.url, { withinMs: ANSWER_MS });
        const client = new WireClient(carrier, { keepsOutput: false });
        const isShakenHands = round++ % 10 !== 0;
        if (isShakenHands) await client.initialize();
        for (const input of inputs) {
          // Text frames must be UTF-8; what is none goes as a binary frame now and then.
          if (input.length % 10 === 0) carrier.sendBytes(input);
          else carrier.sendText(Buffer.from(input).toString('utf8'));
        }
        const lost = carrier.ended.then(({ code, reason }) => {
          throw new Error(`the connection ended with ${String(code)} ${reason}, though no message may end it`);
        });
        await Promise.race([client.request('no/such/method', {}, { id: 'sentinel', withinMs: ANSWER_MS }), lost]);
        lost.catch(() => undefined);
        // Half of them leave as a crash does.
        if (round % 2 === 0) carrier.drop();
        else await carrier.close();
      },
      stop: () => program.stop(),
    };
  },
};
