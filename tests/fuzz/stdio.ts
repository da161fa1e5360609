// stdio framing: lines of damaged messages, of any characters, with any line ends, cut anywhere. Each line is UTF-8, since a
// line that is not ends the program, as docs/protocol.md says.
import { carryStdio } from '../helpers/carriers.ts';
import { OwnProgram } from '../helpers/own-program.ts';
import { WireClient } from '../helpers/wire-client.ts';
import { Random } from '../simulation/random.ts';
import { EXEC_FLAGS, runFirst } from './json-rpc.ts';
import { fuzzedMessage } from './messages.ts';
import type { FuzzSuite } from './suite.ts';

const ends: readonly [string, ...string[]] = ['\n', '\n', '\n', '\r\n', '\n\n', '\n \t\n', '\n\r\n'];
const ANSWER_MS = 30_000;

export const stdio: FuzzSuite = {
  name: 'stdio framing',
  share: 0.25,
  batch: 1_000,
  generate: (random, count) =>
    Array.from({ length: count }, () => {
      const line = random.chance(0.2) ? noise(random) : fuzzedMessage(random);
      return Buffer.from(Buffer.from(line).toString('utf8') + random.pick(ends));
    }),
  async start() {
    const program = OwnProgram.spawn(['exec-server', '--listen', 'stdio://', '--log-level', 'warn', ...EXEC_FLAGS]);
    const carrier = carryStdio(program.child);
    const client = new WireClient(carrier, { keepsOutput: false });
    await client.initialize();
    await runFirst(client);
    let round = 0;
    return {
      programs: [program],
      async send(inputs) {
        const bytes = Buffer.concat(inputs);
        const random = new Random(round++);
        for (let at = 0; at < bytes.length;) {
          const size = random.magnitude(1, 65_536);
          carrier.sendRaw(bytes.subarray(at, at + size));
          at += size;
        }
        // A piece of a batch that is tried alone may lack its line end.
        carrier.sendRaw('\n');
        const lost = carrier.ended.then(() => {
          throw new Error('the program ended its output, though no message may end it');
        });
        await Promise.race([client.request('no/such/method', {}, { id: 'sentinel', withinMs: ANSWER_MS }), lost]);
        lost.catch(() => undefined);
        // One session for all: what was started is ended, and what was kept is not kept here as well.
        for (const processId of ['p', 'p1', '', 'x'.repeat(1_000), '__proto__']) {
          await client.call('process/terminate', { processId }, ANSWER_MS);
        }
        client.messages.length = 0;
      },
      stop: () => program.stop(),
    };
  },
};

/** What is no message: it begins as none does. */
function noise(random: Random): Buffer {
  const bytes = Buffer.alloc(random.magnitude(1, 2_000));
  for (let at = 1; at < bytes.length; at++) bytes[at] = random.between(11, 255);
  bytes[0] = 0xff;
  return bytes;
}
