// The examples of README.md, run as they stand there: the curl lines against the port of the test's own server, and the
// lines for wscat one by one.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { asObject, fromBase64, parseJson } from '../helpers/json.ts';
import { startServer } from '../helpers/server.ts';
import { connectWebSocket } from '../helpers/carriers.ts';
import { until } from '../helpers/until.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, 'g'))].flatMap(([, text = '']) =>
    text.trim().split('\n'),
  );

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
