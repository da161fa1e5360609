import { describe, expect, it } from 'vitest';
import { base64Encode, utf8Encode } from '../../../../shared/bytes.ts';
import { compareConversations } from './compare.ts';
import { conversationsOf } from './exchanges.ts';
import { RowStore } from './row-store.ts';
import type { MessageRow } from './row.ts';

type Line = readonly ['out' | 'in', object];

function rowsOf(lines: readonly Line[]): readonly MessageRow[] {
  const store = new RowStore({ maxRows: 1000, maxBytes: 1e7 });
  for (const [index, [dir, message]] of lines.entries()) {
    store.push({ kind: 'message', dir, connection: 'c1', atMs: index, text: JSON.stringify(message) });
  }
  return conversationsOf(store.rows())[0]?.rows ?? [];
}

const start = (id: number, processId: string, argv: string[]): Line[] => [
  ['out', { id, method: 'process/start', params: { processId, argv, cwd: '/', env: {}, tty: false } }],
  ['in', { id, result: { processId } }],
];
const output = (processId: string, seq: number, text: string): Line => {
  const chunk = base64Encode(utf8Encode(text));
  return ['in', { method: 'process/output', params: { processId, seq, stream: 'stdout', chunk } }];
};
const exited = (processId: string, seq: number, exitCode: number): Line => {
  return ['in', { method: 'process/exited', params: { processId, seq, exitCode } }];
};
const initialize = (sessionId: string, os: string): Line[] => [
  ['out', { id: 1, method: 'initialize', params: { clientName: 'x' } }],
  ['in', { id: 1, result: { sessionId, environmentInfo: { os } } }],
  ['out', { method: 'initialized' }],
];

async function compared(left: readonly Line[], right: readonly Line[]) {
  const { signal } = new AbortController();
  const { pairs, fieldsOf } = await compareConversations(rowsOf(left), rowsOf(right), () => undefined, signal);
  return pairs.map((pair) => {
    const side = pair.left && pair.right ? 'both' : pair.left ? 'left' : 'right';
    const differing = fieldsOf(pair).filter(({ state }) => state === 'different');
    return {
      what: `${(pair.left ?? pair.right)?.method ?? ''} ${side} ${pair.differenceCount}`,
      fields:
        side === 'both' ? differing.map(({ path, left: a, right: b }) => `${path}: ${a ?? '–'} | ${b ?? '–'}`) : [],
      aside: fieldsOf(pair).flatMap(({ path, state }) => (state === 'aside' ? [path] : [])),
    };
  });
}
const whatOf = (all: Awaited<ReturnType<typeof compared>>) => all.map(({ what }) => what);

describe('two conversations', () => {
  it('are alike but for ids, times, sessions, the machine, and how output was cut', async () => {
    const left = [
      ...initialize('s-left-1', 'linux'),
      ...start(2, 'p1', ['ls']),
      output('p1', 1, 'a\nb\n'),
      exited('p1', 2, 0),
    ];
    const right = [
      ...initialize('s-right-9', 'macos'),
      ...start(7, 'other', ['ls']),
      output('other', 1, 'a\n'),
      output('other', 2, 'b\n'),
      exited('other', 3, 0),
    ];
    const all = await compared(left, right);
    expect(whatOf(all)).toEqual(['initialize both 0', 'initialized both 0', 'process/start both 0']);
    expect(all[0]?.aside).toEqual(['result.sessionId', 'result.environmentInfo.os', 'time to the answer']);
    expect(all[2]?.aside).toContain('process/exited.params.seq');
  });

  it('differ in fields, which are named', async () => {
    const left = [...start(1, 'p', ['x', 'one']), output('p', 1, 'same, then left'), exited('p', 2, 0)];
    const right = [...start(1, 'p', ['x', 'two']), output('p', 1, 'same, then right'), exited('p', 2, 3)];
    const [only] = await compared(left, right);
    expect(only?.what).toBe('process/start both 3');
    expect(only?.fields).toEqual([
      'params.argv[1]: "one" | "two"',
      'output stdout: "same, then left" | "same, then right"',
      'process/exited.params.exitCode: 0 | 3',
    ]);
    const failed = await compared(
      [
        ['out', { id: 1, method: 'fs/readFile', params: { path: '/a' } }],
        ['in', { id: 1, result: { dataBase64: '' } }],
      ],
      [
        ['out', { id: 'r', method: 'fs/readFile', params: { path: '/a' } }],
        ['in', { id: 'r', error: { code: -32004, message: 'none' } }],
      ],
    );
    expect(failed[0]?.fields).toEqual(['result: {"dataBase64":""} | –', 'error: – | {"code":-32004,"message":"none"}']);
  });

  it('are matched by method, process, params, then order, also when one has more or another order', async () => {
    const write = (id: number, processId: string, chunk: string): Line[] => [
      ['out', { id, method: 'process/write', params: { processId, chunk } }],
      ['in', { id, result: { status: 'accepted' } }],
    ];
    const left = [
      ...start(1, 'a', ['cat']),
      ...start(2, 'b', ['sh']),
      ...write(3, 'a', 'YQ=='),
      ...write(4, 'b', 'Yg=='),
    ];
    const right = [
      ...start(1, 'x', ['extra']),
      ...start(2, 'B', ['sh']),
      ...start(3, 'A', ['cat']),
      ...write(4, 'B', 'Yg=='),
      ...write(5, 'A', 'Yw=='),
      ...write(6, 'x', 'YQ=='),
    ];
    const all = await compared(left, right);
    expect(all.map(({ what, fields }) => `${what} ${fields.join()}`.trim())).toEqual([
      'process/start right 1',
      'process/start both 0',
      'process/start both 0',
      'process/write both 1 params.chunk: "YQ==" | "Yw=="',
      'process/write right 1',
      'process/write both 0',
    ]);
  });

  it('keep what nobody asked for, and what a process wrote is not taken for its name', async () => {
    const left = [...start(1, 'name', ['x']), output('name', 1, 'name'), output('gone', 1, 'x')];
    const right = [...start(1, 'else', ['x']), output('else', 1, 'else')];
    const all = await compared(left, right);
    expect(whatOf(all)).toEqual(['process/start both 1', 'process/output left 1']);
    expect(all[0]?.fields).toEqual(['output stdout: "name" | "else"']);
  });

  it('stop when they are told to', async () => {
    const stop = new AbortController();
    stop.abort(new Error('enough'));
    await expect(compareConversations([], [], () => undefined, stop.signal)).rejects.toThrow('enough');
  });
});
