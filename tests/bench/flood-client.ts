// A program of its own for the case `neighbour`: takes the endless output of one process, says when it flows, and on
// 'stop' ends the process and tells how much it took. Arguments: the server's URL.

import { performance } from 'node:perf_hooks';

import { BenchClient } from './bench-client.ts';

const FLOWS_AFTER_BYTES = 4 * 1024 * 1024;
const BASE64_SHARE = 3 / 4;

const client = await BenchClient.open(process.argv[2] ?? '', { buffer: Buffer.allocUnsafeSlow(4 * 1024 * 1024) });
const processId = client.newProcessId();
const ended = client.ended(processId);
await client.request('process/start', client.startParams(processId, ['/bin/cat', '/dev/zero'], false));

let bytes = 0;
let countedFromMs = 0;
client.socket.onMessage = (_buffer, start, end) => {
  bytes += end - start;
  if (countedFromMs > 0 || bytes < FLOWS_AFTER_BYTES) return;
  countedFromMs = performance.now();
  bytes = 0;
  process.send?.({ isFlowing: true });
};

process.once('message', () => {
  const megabytesPerSecond = (bytes * BASE64_SHARE) / 1000 / (performance.now() - countedFromMs);
  client.dispatchMessages();
  process.send?.({ megabytesPerSecond });
  // Whether it ends well or not: the case has its figure, and ends the server afterwards.
  const isOver = client.request('process/terminate', { processId }).then(() => ended);
  void isOver.catch(() => undefined).finally(() => process.exit());
});
process.once('disconnect', () => process.exit());
