import { transformSync } from 'esbuild';
import { describe, expect, it } from 'vitest';
import * as client from '../../../../shared/client/api-common.ts';
import type { WireEntry } from '../../../../shared/recording/entry.ts';
import { splitArgv } from '../argv.ts';
import { copiesOf, prettyJson } from './copy-as.ts';
import { callLine, curlLines, curlOfRequest, typescriptText, websocatLine, wscatLine } from './copy-lines.ts';
import { rowOf } from './row.ts';

const url = 'ws://127.0.0.1:8765/exec?token=secret';
const request = `{"id":3,"method":"process/write","params":{"processId":"it's","chunk":"YQ=="}}`;
const methodsOf = (texts: readonly string[]) => texts.map((text) => (JSON.parse(text) as { method: string }).method);
const handshaken = ['initialize', 'initialized', 'process/write'];

/** As a shell reads the line. */
function wordsOf(line: string | undefined): readonly string[] {
  const split = splitArgv(line ?? '');
  return 'argv' in split ? split.argv : [];
}

describe('a message to paste', () => {
  it('is a line for wscat that opens a session, sends it, and holds no token', () => {
    const argv = wordsOf(wscatLine(request, url));
    expect(argv.slice(0, 4)).toEqual(['npx', 'wscat', '-c', 'ws://127.0.0.1:8765/exec']);
    const executed = argv.flatMap((word, index) => (argv[index - 1] === '-x' ? [word] : []));
    expect(methodsOf(executed)).toEqual(handshaken);
    expect(executed[2]).toBe(request);
    expect(argv.join(' ')).not.toContain('secret');
    expect(wscatLine('{"id":1,"method":"initialize","params":{}}', url).match(/ -x /g)).toHaveLength(1);
  });

  it('is a line for websocat, a message a line', () => {
    const words = wordsOf(websocatLine(request, url));
    expect(methodsOf(words.slice(3, 6).map((word) => word.replace(/;$/, '')))).toEqual(handshaken);
    expect(words.at(-1)).toBe('ws://127.0.0.1:8765/exec');
    expect(websocatLine('{\n}', url)).toBeUndefined();
  });

  it('is a line for the CLI, when it is a request', () => {
    expect(splitArgv(callLine(request, url) ?? '')).toEqual({
      argv: [
        'exec-workbench',
        'call',
        '--url',
        'ws://127.0.0.1:8765/exec',
        'process/write',
        `{"processId":"it's","chunk":"YQ=="}`,
      ],
    });
    expect(callLine('{"method":"initialized"}', url)).toBeUndefined();
  });

  it('is TypeScript for the client library, whose declarations are named as their methods', () => {
    for (const method of client.methods.keys()) {
      const text = typescriptText(`{"id":1,"method":"${method}","params":{"x":"'\\n"}}`, url) ?? '';
      expect(transformSync(text, { loader: 'ts', format: 'esm' }).warnings, text).toEqual([]);
      const [, name = ''] = /connectWebSocket, (\w+)/.exec(text) ?? [];
      if (method !== 'initialize') expect(client, method).toHaveProperty(name);
    }
    expect(typescriptText(request, url)).toContain(
      `client.call(processWrite, {\n  "processId": "it's",\n  "chunk": "YQ=="\n})`,
    );
    expect(typescriptText('{"id":1,"method":"x/y"}', url)).toBeUndefined();
  });

  it('is a line for curl where it is about HTTP: a request of the executor, a server, a way in', () => {
    const asked = (params: object) => curlOfRequest(JSON.stringify({ id: 1, method: 'http/request', params }));
    const headers = [{ name: 'authorization', value: 'Bearer secret' }];
    expect(asked({ method: 'PUT', url: 'http://h/', headers, bodyBase64: 'aGk=', requestId: 'r' })).toBe(
      `curl --include --location --request PUT --header 'authorization: [redacted]' --data-raw hi http://h/`,
    );
    expect(asked({ method: 'GET', url: 'http://h/', bodyBase64: '/w==', requestId: 'r' })).toBeUndefined();
    expect(curlOfRequest(request)).toBeUndefined();
    const lines = (detail: string) => curlLines(detail, url).map(({ text }) => wordsOf(text).join(' '));
    expect(lines('wss://h:1/exec: refused')).toEqual([
      'curl --include https://h:1/readyz --header Authorization: Bearer $EXEC_WORKBENCH_TOKEN',
      'curl --include https://h:1/schema/exec-server.json --header Authorization: Bearer $EXEC_WORKBENCH_TOKEN',
    ]);
    expect(lines('relay of this server: a box')[0]).toContain(
      '--request POST http://127.0.0.1:8765/cloud/executor/a%20box/connect ',
    );
    expect(lines('by the network')).toEqual([]);
  });

  it('is JSON, for reading; numbers beyond 2^53 are not changed', () => {
    expect(prettyJson('{"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}');
    expect(prettyJson('{"id":12345678901234567890}')).toBe('{"id":12345678901234567890}');
    expect(prettyJson('{')).toBe('{');
  });

  it('is offered by what the row is, with secrets masked', () => {
    const copies = (entry: WireEntry) => copiesOf(rowOf(entry, 1), url);
    const names = (entry: WireEntry) =>
      copies(entry)
        .map(({ name }) => name)
        .join();
    const at = { connection: 'c1', atMs: 0 };
    expect(names({ kind: 'event', event: 'open', ...at, detail: 'ws://h/exec?token=secret' })).toBe(
      'Text,curl: is it ready?,curl: its schema',
    );
    expect(names({ kind: 'message', dir: 'in', ...at, text: '{"id":1,"result":{}}' })).toBe('JSON,Message as sent');
    expect(names({ kind: 'message', dir: 'out', ...at, text: request })).toBe(
      'JSON,Message as sent,wscat command,websocat command,exec-workbench command,TypeScript',
    );
    expect(names({ kind: 'frame', dir: 'out', ...at, bytes: new Uint8Array([8, 1]) })).toBe('Hex,Base64');
    const text =
      '{"id":1,"method":"process/start","params":{"env":{"API_TOKEN":"secret"},"url":"http://h?sig=secret"}}';
    const masked = copies({ kind: 'message', dir: 'out', ...at, text });
    expect(masked.map(({ name }) => name)).toContain('Message, secrets masked');
    for (const copy of masked) expect(copy.text, copy.name).not.toContain('secret"');
  });
});
