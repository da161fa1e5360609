// Someone who works on the same server as the load, in a process of its own, so that the load client's work is not taken for
// the server's: `neighbour.ts URL`. Prints its figures at the end of its stdin.
import { setTimeout as delay } from 'node:timers/promises';
import { timed } from '../helpers/until.ts';
import { percentile } from './case.ts';
import { connect, LONG_MS, type Neighbour } from './clients.ts';

const client = await connect({ url: process.argv[2] ?? '' });
const cat = await client.start({ argv: ['/bin/cat'], pipeStdin: true });
const roundTrips: number[] = [];
const echoes: number[] = [];
let isDone = false;
process.stdin.resume().once('end', () => (isDone = true));
console.log('begun');
while (!isDone) {
  roundTrips.push((await timed(() => client.call('process/terminate', { processId: 'none' }, LONG_MS))).tookMs);
  const before = cat.byteCount();
  const echo = await timed(async () => {
    const came = client.waitForNext('the echo', () => cat.byteCount() > before, LONG_MS);
    await client.write(cat.processId, 'x', LONG_MS);
    await came;
  });
  echoes.push(echo.tookMs);
  client.messages.length = 0;
  await delay(5);
}
const figures: Neighbour = { roundTripP99: percentile(roundTrips, 0.99), echoP99: percentile(echoes, 0.99) };
process.stdout.write(JSON.stringify(figures), () => process.exit(0));
