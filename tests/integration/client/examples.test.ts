// The examples in examples/ and the code in docs/client.md, run as they stand there.

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { useServer } from '../../helpers/server.ts';

const server = useServer({ command: 'serve' });
const root = fileURLToPath(new URL('../../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'examples-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function node(...args: string[]): Promise<Ended> {
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    EXEC_WORKBENCH_TOKEN: server.current.token,
    URL: `ws://127.0.0.1:${server.current.port}/exec`,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: root, env, timeout: 20_000 }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr });
    });
  });
}
const url = () => `ws://127.0.0.1:${server.current.port}/exec`;

it('run-command.js passes on output and exit code', async () => {
  const ended = await node('examples/run-command.js', url(), 'sh', '-c', 'echo out; echo err >&2; exit 3');
  expect(ended).toEqual({ code: 3, stdout: 'out\n', stderr: 'err\n' });
});

it('drive-repl.js shows what the program answered', async () => {
  const ended = await node('examples/drive-repl.js');
  expect(ended.stderr).toBe('');
  expect(ended.stdout).toContain('Math.PI * radius ** 2  →  12.566370614359172\n');
  expect(ended.stdout).toContain('→  [ 2, 4, 6 ]\nexit code 0\n');
});

it('copy-tree.js copies every file', async () => {
  const from = join(folder, 'from/ä b');
  mkdirSync(join(from, 'deep/empty'), { recursive: true });
  writeFileSync(join(from, 'deep/big'), Buffer.alloc(600_000, 'x'));
  writeFileSync(join(from, 'small'), '');
  const ended = await node('examples/copy-tree.js', url(), `${from}/`, join(folder, 'to'));
  expect(ended).toEqual({ code: 0, stdout: '2 files\n', stderr: '' });
  expect(readFileSync(join(folder, 'to/deep/big')).equals(Buffer.alloc(600_000, 'x'))).toBe(true);
});

it('the code of README.md prints what its command printed, and its exit code', async () => {
  const [, code = ''] = /```js\n([^]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? [];
  const file = join(folder, 'readme.mjs');
  const here = code
    .replace("'exec-workbench/client'", JSON.stringify(`${root}dist/client/node/api.js`))
    .replace('ws://127.0.0.1:8765/exec', url())
    .replace("'example'", JSON.stringify(server.current.token));
  writeFileSync(file, here);
  expect(await node(file)).toEqual({ code: 0, stdout: '3 hello\n\n', stderr: '' });
});

it('the code of docs/client.md does what the text beside it says', async () => {
  const guide = readFileSync(join(root, 'docs/client.md'), 'utf8');
  const blocks = [...guide.matchAll(/```js\n([^]*?)```/g)].map(([, code = '']) => code);
  expect(blocks.length).toBeGreaterThan(3);
  // Each block goes on where the one before it ended; `// → text` says what the line before it prints.
  const expected = [...blocks.join('').matchAll(/^ *\/\/ → (.*)$/gm)].map(([, text = '']) => text);
  const file = join(folder, 'guide.mjs');
  const code = blocks
    .join('\n')
    .replaceAll("'exec-workbench/client'", JSON.stringify(`${root}dist/client/node/api.js`));
  writeFileSync(file, code);
  const ended = await node(file);
  expect(ended.stderr).toBe('');
  expect(ended.stdout.trimEnd().split('\n')).toEqual(expected);
});
