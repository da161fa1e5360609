// A harness in a process of its own that reads a flood as fast as it can: `flood.ts URL`. Prints the MiB so far.
import { WebSocket } from 'ws';
import { dialRelay } from '../../../shared/client/relay-link.ts';
import { ExecServerClient } from '../../../shared/client/harness.ts';

const [url = ''] = process.argv.slice(2);
let bytes = 0;
const client = await ExecServerClient.connect({
  dial: () => dialRelay({ url, factory: (address) => new WebSocket(address, { perMessageDeflate: false }) }),
});
await client.start(
  { processId: 'flood', argv: ['yes'], cwd: '/tmp', env: { PATH: '/usr/bin:/bin' }, tty: false },
  { onOutput: (output) => (bytes += output.bytes.length) },
);
setInterval(() => process.stdout.write(`${Math.floor(bytes / 1024 / 1024)}\n`), 200);
process.stdin.resume().on('end', () => process.exit(0));
