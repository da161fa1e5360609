// Runs one command on another machine and passes on its output and its exit code:
//
//   node examples/run-command.js ws://127.0.0.1:8765/exec sh -c 'echo hello; exit 3'
//
// The token, if the server asks for one, comes from EXEC_WORKBENCH_TOKEN.

import { connectWebSocket } from 'exec-workbench/client';

const [url = '', ...argv] = process.argv.slice(2);
if (argv.length === 0) {
  console.error('usage: node run-command.js URL COMMAND [ARGS…]');
  process.exit(2);
}

const client = await connectWebSocket(url, { token: process.env.EXEC_WORKBENCH_TOKEN });
try {
  const handle = await client.exec({ argv });
  for await (const { stream, bytes } of handle.output) {
    (stream === 'stderr' ? process.stderr : process.stdout).write(bytes);
  }
  process.exitCode = await handle.exited;
} finally {
  client.close();
}
