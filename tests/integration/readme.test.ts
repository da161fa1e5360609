// The examples of README.md, run as they stand there: the curl lines against the port of the test's own server, and the
// lines for wscat one by one.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { asObject, fromBase64, parseJson } from '../helpers/json.ts';
import { serverProgram, startServer } from '../helpers/server.ts';
import { connectWebSocket } from '../helpers/carriers.ts';
import { until } from '../helpers/until.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, 'g'))].flatMap(([, text = '']) =>
    text.trim().split('\n'),
  );

const folder = mkdtempSync(join(tmpdir(), 'readme-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const env = { ...process.env, EXEC_WORKBENCH_TOKEN: 'example' } as Record<string, string>;

describe('README.md', () => {
  it('its curl lines answer', async () => {
    const server = await startServer({ command: 'serve', env });
    const lines = blocks('sh').filter((line) => line.startsWith('curl ') && !line.includes('/connect'));
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      const output = execFileSync('bash', ['-c', `${line.replace('8765', String(server.port))} -f`], {
        encoding: 'utf8',
      });
      expect(output.length, line).toBeGreaterThan(50);
    }
  });

  it('its lines for the command line work', async () => {
    const server = await startServer({ command: 'serve', env });
    const own = { ...env, EXEC_WORKBENCH_URL: `ws://127.0.0.1:${String(server.port)}` };
    const [program, ...args] = serverProgram();
    const ew = [program, ...args].map((word) => `'${word}'`).join(' ');
    const lines = blocks('sh').filter((line) => /exec-workbench (run --|run -i --|call|cp)/.test(line));
    expect(lines).toHaveLength(4);
    for (const line of lines) {
      // What is copied goes to a folder of the test's own.
      const script = line.replace('npx exec-workbench', ew).replace('/tmp/hostname-of-the-executor', folder);
      const output = execFileSync('bash', ['-c', script], { encoding: 'utf8', env: own });
      if (!line.includes(' cp ')) expect(output.length, line).toBeGreaterThan(10);
    }
    expect(readdirSync(folder)).toEqual(['hostname']);
  });

  it('its lines for wscat start a process and show its output and its exit code', async () => {
    const server = await startServer({ command: 'serve', env });
    const carrier = await connectWebSocket(`ws://127.0.0.1:${String(server.port)}/exec?token=example`);
    const received: string[] = [];
    carrier.onMessage = (text) => received.push(text);
    for (const line of blocks('jsonl')) carrier.sendText(line);
    const answer = await until('the answer to process/wait', () => received.find((text) => text.includes('"id":4')));
    expect(parseJson(answer)).toEqual({ id: 4, result: { exited: true, exitCode: 3, closed: true, timedOut: false } });
    const output = received.find((text) => text.includes('"process/output"')) ?? '{}';
    expect(fromBase64(asObject(asObject(parseJson(output))['params'])['chunk']).toString()).toBe('hello\n');
    carrier.drop();
  });
});
