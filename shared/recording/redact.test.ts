import { describe, expect, it } from 'vitest';
import type { WireEntry } from './entry.ts';
import { redactEntry, redactMessage } from './redact.ts';

const redactedOf = (message: unknown): unknown => JSON.parse(redactMessage(JSON.stringify(message)));

describe('redaction', () => {
  it('masks members, headers and variables whose names say that they are secret, and queries of URLs', () => {
    const message = {
      id: 1,
      method: 'http/request',
      params: {
        url: 'https://example.org/path?key=abc&page=2#x',
        headers: [
          { name: 'Authorization', value: 'Bearer abc' },
          { name: 'Accept', value: 'text/plain' },
        ],
        env: { API_KEY: 'abc', GITHUB_TOKEN: 'abc', HOME: '/root', MONKEY: 'banana' },
        password: 'abc',
      },
    };
    expect(redactedOf(message)).toEqual({
      id: 1,
      method: 'http/request',
      params: {
        url: 'https://example.org/path?key=[redacted]&page=[redacted]#x',
        headers: [
          { name: 'Authorization', value: '[redacted]' },
          { name: 'Accept', value: 'text/plain' },
        ],
        env: { API_KEY: '[redacted]', GITHUB_TOKEN: '[redacted]', HOME: '/root', MONKEY: 'banana' },
        password: '[redacted]',
      },
    });
  });

  it.each([
    '{ "id": 1,  "method": "fs/readFile", "params": {"path": "/etc/secret/token"} }',
    '{"method":"process/output","params":{"chunk":"a2V5a2V5","seq":1}}',
    'no JSON, but a token',
    '{"id":9007199254740993,"result":{}}',
  ])('leaves what holds no secret exactly as it was sent: %s', (text) => {
    expect(redactMessage(text)).toBe(text);
  });

  it('takes queries out of what is told of a connection, and passes frames', () => {
    const event = (detail: string): WireEntry => ({ kind: 'event', event: 'failed', connection: 'c', atMs: 0, detail });
    expect(redactEntry(event('cannot connect to ws://h:1/exec?token=abc now'))).toEqual(
      event('cannot connect to ws://h:1/exec now'),
    );
    const frame: WireEntry = { kind: 'frame', dir: 'in', connection: 'c', atMs: 0, bytes: new Uint8Array([1]) };
    expect(redactEntry(frame)).toBe(frame);
  });
});
