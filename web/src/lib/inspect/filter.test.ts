import { describe, expect, it } from 'vitest';
import type { WireEntry } from '../../../../shared/recording/entry.ts';
import { suggest } from './filter-completion.ts';
import { parseFilter, withWord } from './filter.ts';
import { RowStore } from './row-store.ts';
import { RowView } from './row-view.ts';

const at = { connection: 'c1' } as const;
const entries: WireEntry[] = [
  { kind: 'event', event: 'open', atMs: 0, detail: 'ws://h/exec', ...at },
  {
    kind: 'message',
    dir: 'out',
    atMs: 1,
    text: '{"id":1,"method":"process/read","params":{"processId":"my p"}}',
    ...at,
  },
  {
    kind: 'message',
    dir: 'in',
    atMs: 81,
    text: '{"error":{"code":-32600,"message":"unknown Process id"},"id":1}',
    ...at,
  },
  {
    kind: 'message',
    dir: 'in',
    atMs: 90,
    text: `{"method":"process/output","params":{"processId":"q","seq":1,"stream":"stdout","chunk":"${'YWJj'.repeat(400)}"}}`,
    ...at,
  },
  { kind: 'message', dir: 'out', atMs: 91, text: '{"id":"a b","method":"fs/readFile","params":{"path":"/x"}}', ...at },
  { kind: 'frame', dir: 'in', atMs: 99, bytes: new Uint8Array([1]), connection: 'r2' },
];

const store = new RowStore({ maxRows: 100, maxBytes: 1e6 });
for (const entry of entries) store.push(entry);

function numbersOf(filter: string): number[] | string {
  const parsed = parseFilter(filter);
  if ('problem' in parsed) return `${parsed.problem} @${parsed.from}-${parsed.to}`;
  return store
    .rows()
    .filter(parsed.matches)
    .map(({ number }) => number);
}

describe('a filter', () => {
  it.each([
    ['', [1, 2, 3, 4, 5, 6]],
    ['method:process/*', [2, 3, 4]],
    ['method:process/read dir:in', [3]],
    ['-method:process/*', [1, 5, 6]],
    ['process:"my p"', [2, 3]],
    ['process:q|"x"', [4]],
    ['kind:request|error', [2, 3, 5]],
    ['conn:r*', [6]],
    ['layer:event', [1]],
    ['id:1', [2, 3]],
    ['is:error', [3, 6]],
    ['is:pending', [5]],
    ['is:anomaly', [6]],
    ['is:marked', []],
    ['size>1k', [4]],
    ['size<=1', [1, 6]],
    ['ms>=0.08s', [2, 3]],
    ['ms>80', []],
    ['"unknown process id"', [3]],
    ['process', [2, 3, 4]],
    ['Process', [3]],
    ['-process -layer:frame', [1, 5]],
    ['/code":-3\\d+/', [3]],
    ['/UNKNOWN process/i', [3]],
    ['-/"id"|frame|[0-9]/ layer:event', [1]],
    ['fs/readFile', [5]],
  ])('%s', (filter, expected) => {
    expect(numbersOf(filter)).toEqual(expected);
  });

  it.each([
    ['dir:in foo:bar', 'unknown key foo'],
    ['is:nice', 'unknown is:nice: there are error, pending'],
    ['kind:requests', 'kind: takes request, response'],
    ['size>big', 'size> needs a number, as in size>1k'],
    ['weight>1', 'unknown measure weight'],
    ['method:', 'method: needs a value'],
    ['"open', 'the quote is not closed @0-5'],
    ['/open', 'the regular expression is not closed by / @0-5'],
    ['/(/', 'Invalid regular expression'],
    ['a -', '- needs a word that must not hold @2-3'],
  ])('%s is none', (filter, problem) => {
    expect(numbersOf(filter)).toContain(problem);
  });

  it('is completed at the caret: keys, then values that are known or occur', () => {
    const seen = { method: ['process/start', 'process/read', 'fs/walk'], process: ['my p'] };
    const texts = (filter: string, caret = filter.length) => suggest(filter, caret, seen).map(({ text }) => text);
    expect(texts('m')).toEqual(['method:', 'ms>']);
    expect(texts('-d')).toEqual(['-dir:']);
    expect(texts('dir:in method:pro')).toEqual(['method:process/start', 'method:process/read']);
    expect(texts('kind:request|er')).toEqual(['kind:request|error']);
    expect(suggest('process: is:error', 8, seen)[0]).toMatchObject({ filter: 'process:"my p" is:error', caret: 14 });
    expect(suggest('is:p', 4, seen)[0]).toMatchObject({ filter: 'is:pending ', caret: 11 });
  });

  it('gets a word that replaces the former one of its key', () => {
    expect(withWord('dir:in process:a -x', 'process', 'my p')).toBe('dir:in -x process:"my p"');
  });
});

describe('a view of rows', () => {
  it('goes through them a little at a time, and keeps up with what comes and goes', () => {
    const many = new RowStore({ maxRows: 1000, maxBytes: 1e9 });
    const push = (count: number) => {
      for (let index = 0; index < count; index++)
        many.push({ kind: 'event', event: 'open', atMs: 0, detail: '', ...at });
    };
    push(1000);
    const view = new RowView(many, ({ number }) => number % 2 === 0);
    let nowMs = 0;
    expect(view.advance(0, () => nowMs++)).toBe(true);
    expect([view.length, view.isComplete, view.progress]).toEqual([128, false, 0.256]);
    view.advance(1000, () => nowMs);
    expect([view.length, view.isComplete, view.at(0)?.number]).toEqual([500, true, 2]);
    expect(view.advance(1000, () => nowMs)).toBe(false);
    push(100);
    view.advance(1000, () => nowMs);
    expect([view.length, view.at(0)?.number, view.at(499)?.number]).toEqual([500, 102, 1100]);
    expect([view.indexOf(102), view.indexOf(105), view.indexOf(1)]).toEqual([0, 2, 0]);
    many.clear();
    view.advance(1000, () => nowMs);
    expect([view.length, view.bytes]).toEqual([0, 0]);
  });
});
