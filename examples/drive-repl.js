// Talks to an interactive program: writes a line, reads up to the next prompt, and again. Here it is a Node REPL on a terminal
// of this machine; put `connectWebSocket(url)` in the place of the first two lines to have it elsewhere.
//
//   node examples/drive-repl.js

import { connectInProcess, createExecServer } from 'exec-workbench/client';

const server = await createExecServer();
const client = await connectInProcess(server);

const repl = await client.exec({
  argv: [process.execPath, '--interactive'],
  tty: { rows: 24, cols: 80 },
  env: { NODE_REPL_HISTORY: '', TERM: 'dumb', NODE_NO_READLINE: '1' },
});
const output = repl.output[Symbol.asyncIterator]();
const decoder = new TextDecoder();

/** Reads up to the prompt. @returns what came before it */
async function untilPrompt() {
  let text = '';
  while (!text.endsWith('> ')) {
    const { done, value } = await output.next();
    if (done) throw new Error(`the program has ended: ${text}`);
    text += decoder.decode(value.bytes, { stream: true });
  }
  return text.slice(0, -2);
}

await untilPrompt();
for (const line of ['const radius = 2', 'Math.PI * radius ** 2', '[1, 2, 3].map((n) => n * radius)']) {
  await repl.write(`${line}\n`);
  const answer = await untilPrompt();
  // A terminal echoes what is typed into it.
  console.log(`${line}  →  ${answer.slice(answer.indexOf('\n') + 1).trim()}`);
}

await repl.write('.exit\n');
console.log(`exit code ${await repl.exited}`);
client.close();
await server.close();
