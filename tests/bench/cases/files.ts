// Reading and writing a file of 4 MiB in one request, again and again. The file system's cache is warm, so this is
// about what the server does with the bytes. MB are of the file, not of its base64.

import { readFileSync, writeFileSync } from 'node:fs';
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';

import { parseMessage, isJsonObject } from '../bench-client.ts';
import type { BenchCase } from '../suite.ts';

const FILE_BYTES = 4 * 1024 * 1024;
/** Room for the largest message: the file as base64 and a little around it. */
const RECEIVE_BYTES = 8 * 1024 * 1024;
const REQUEST_ID = 1_000_000_000;

const content = randomBytes(FILE_BYTES);
const contentHash = createHash('sha256').update(content).digest('hex');
const receiveBuffer = Buffer.allocUnsafeSlow(RECEIVE_BYTES).fill(1);

function assertContent(bytes: Buffer): void {
  if (createHash('sha256').update(bytes).digest('hex') !== contentHash) throw new Error('the file has other content');
}

function fileCase(name: string, method: 'fs/readFile' | 'fs/writeFile'): BenchCase {
  return {
    name,
    state: 'warm',
    deadlineMs: 60_000,
    metrics: [
      { key: 'rate', title: `${method} of 4 MiB`, unit: 'MB/s', better: 'higher', digits: 0 },
      { key: 'cpu', title: `${method}, server CPU`, unit: 's/GB', better: 'lower', digits: 2 },
    ],
    async run({ connect, folder, isQuick, server }) {
      const client = await connect({ buffer: receiveBuffer });
      const file = join(folder, name);
      const isRead = method === 'fs/readFile';
      if (isRead) writeFileSync(file, content);
      const params = { path: client.path(file), ...(isRead ? {} : { dataBase64: content.toString('base64') }) };
      const frame = client.requestFrame(REQUEST_ID, method, params);
      const count = isQuick ? 6 : 20;
      let lastAnswer = '';
      const pids = server.pids();
      const cpuBefore = server.cpuSeconds(pids);
      const startedAtMs = performance.now();
      await new Promise<void>((resolve, reject) => {
        let answered = 0;
        client.socket.onClosed = reject;
        client.socket.onMessage = (buffer, start, end) => {
          answered += 1;
          if (answered < count) return client.socket.send(frame);
          lastAnswer = buffer.toString('latin1', start, end);
          resolve();
        };
        client.socket.send(frame);
      });
      const seconds = (performance.now() - startedAtMs) / 1000;
      const gigabytes = (count * FILE_BYTES) / 1e9;
      const cpu = (server.cpuSeconds(pids) - cpuBefore) / gigabytes;
      const { result } = parseMessage(lastAnswer);
      if (!isJsonObject(result)) throw new Error(`${method} failed: ${lastAnswer.slice(0, 300)}`);
      assertContent(isRead ? Buffer.from(String(result['dataBase64']), 'base64') : readFileSync(file));
      return { rate: (gigabytes * 1000) / seconds, cpu };
    },
  };
}

export const readFileCase = fileCase('fs-read', 'fs/readFile');
export const writeFileCase = fileCase('fs-write', 'fs/writeFile');
