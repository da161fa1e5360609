// What the inspector copies of a row, run by a shell against a real server: the lines are to do what the row did.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import {
  callLine,
  curlLines,
  curlOfRequest,
  typescriptText,
  websocatLine,
} from '../../web/src/lib/inspect/copy-lines.ts';
import { serverProgram, useServer } from '../helpers/server.ts';

const server = useServer({ command: 'serve' });
// Within the project, so that the client library is found by its name.
const folder = mkdtempSync(join(import.meta.dirname, '../../dist/.copies-'));
afterAll(() => rmSync(folder, { recursive: true }));

const url = () => `ws://127.0.0.1:${String(server.current.port)}/exec`;
const listing = JSON.stringify({ id: 'r', method: 'fs/canonicalize', params: { path: '/tmp/../etc' } });

function run(script: string): string {
  const env = { ...process.env, EXEC_WORKBENCH_TOKEN: server.current.token };
  return execFileSync('bash', ['-ec', script], { encoding: 'utf8', env });
}

it('by exec-workbench, by curl, as TypeScript', () => {
  const program = serverProgram()
    .map((word) => `'${word}'`)
    .join(' ');
  const call = callLine(listing, url()) ?? '';
  expect(run(call.replace('exec-workbench', program))).toContain('"/etc"');

  for (const { name, text } of curlLines(url(), url())) expect(run(`${text} -sf`), name).toContain('200 OK');
  const params = { method: 'GET', url: `http://127.0.0.1:${String(server.current.port)}/readyz`, requestId: 'r' };
  const asked = curlOfRequest(JSON.stringify({ id: 1, method: 'http/request', params })) ?? '';
  expect(run(`${asked} -sf`)).toContain('200 OK');
  const [way] = curlLines('relay of this server: nobody', url());
  expect(run(`${way?.text ?? ''} -s`)).toContain('nobody');

  const file = join(folder, 'copy.mjs');
  writeFileSync(file, typescriptText(listing, url()) ?? '');
  expect(run(`'${process.execPath}' '${file}'`)).toContain('/etc');
});

it('by websocat: a stand-in of a few lines sends what it is given', () => {
  const standIn = `
    import { WebSocket } from 'ws';
    import { createInterface } from 'node:readline';
    const [header, url] = process.argv.slice(2);
    const [name, value] = header.replace('-H=', '').split(': ');
    const socket = new WebSocket(url, { headers: { [name]: value } });
    socket.onmessage = ({ data }) => {
      console.log(data);
      if (data.includes('"id":"r"')) socket.close();
    };
    await new Promise((resolve) => (socket.onopen = resolve));
    for await (const line of createInterface({ input: process.stdin })) socket.send(line);`;
  const file = join(folder, 'websocat.mjs');
  writeFileSync(file, standIn);
  // The pause gives a person the time to read; the stand-in waits for the answer instead.
  const line = (websocatLine(listing, url()) ?? '').replace('sleep 2', 'true');
  expect(run(`websocat() { '${process.execPath}' '${file}' "$@"; }; ${line}`)).toContain('"id":"r","result"');
});
