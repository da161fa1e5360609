import { describe, expect, it } from 'vitest';
import type { WireEntry } from '../../../../shared/recording/entry.ts';
import { encodeFrame } from '../../../../shared/relay/codec.ts';
import { findRow, parseRowLink, rowLinkText } from './row-link.ts';
import { RowStore } from './row-store.ts';
import { diagramOf, layoutOf, maxSteps, mermaidText } from './sequence-diagram.ts';
import { svgText } from './sequence-svg.ts';

function storeOf(entries: readonly WireEntry[]): RowStore {
  const store = new RowStore({ maxRows: 10_000, maxBytes: 1e8 });
  for (const entry of entries) store.push(entry);
  return store;
}
const frame = (seq: number, dir: 'out' | 'in'): WireEntry => {
  const body = { kind: 'data', seq, segmentIndex: 0, segmentCount: 1, payload: new Uint8Array([123, 125]) } as const;
  return {
    kind: 'frame',
    dir,
    connection: 'c2',
    atMs: seq,
    bytes: encodeFrame({ streamId: 's', ack: 0, ackBits: 0, body }),
  };
};
const message = (dir: 'out' | 'in', atMs: number, text: string): WireEntry => {
  return { kind: 'message', dir, connection: 'c1', atMs, text };
};
const entries: readonly WireEntry[] = [
  { kind: 'event', event: 'open', connection: 'c1', atMs: 0, detail: 'ws://h/exec' },
  message('out', 10, '{"id":1,"method":"initialize","params":{"clientName":"x"}}'),
  message('in', 14, '{"id":1,"error":{"code":-32600,"message":"<b>no; #1</b>"}}'),
];

describe('a sequence diagram', () => {
  it('has arrows from end to end, with the time to the answer; frames end at the rendezvous', () => {
    const direct = diagramOf(storeOf(entries).rows());
    expect(direct.lanes).toEqual(['harness', 'executor']);
    expect(direct.steps.map(({ from, to, label, tone }) => `${tone} ${from} ${to} ${label}`)).toEqual([
      'event harness harness open ws://h/exec',
      'request harness executor initialize 1',
      'error executor harness error initialize -32600 <b>no; #1</b> 1 · 4.00 ms',
    ]);
    const relayed = diagramOf(storeOf([...entries, frame(0, 'out'), frame(0, 'out'), frame(1, 'in')]).rows());
    expect(relayed.lanes).toEqual(['harness', 'rendezvous', 'executor']);
    expect(relayed.steps.slice(3).map(({ from, to, label, trouble }) => [from, to, label, trouble])).toEqual([
      ['harness', 'rendezvous', 'c2 data seq 0', ''],
      ['harness', 'rendezvous', 'c2 data seq 0', 'Segment again'],
      ['rendezvous', 'harness', 'c2 data seq 1', ''],
    ]);
  });

  it('is Mermaid text in which nothing of the wire is a sign of its own', () => {
    expect(mermaidText(diagramOf(storeOf(entries).rows()))).toBe(
      [
        'sequenceDiagram',
        '  participant harness',
        '  participant executor',
        '  Note over harness,executor: open ws://h/exec',
        '  harness->>executor: initialize 1',
        '  executor--xharness: error initialize -32600 #60;b#62;no#59; #35;1#60;/b#62; 1 · 4.00 ms',
        '',
      ].join('\n'),
    );
  });

  it('is SVG in which nothing of the wire is markup, and labels are cut to their room', () => {
    const svg = svgText(layoutOf(diagramOf(storeOf([...entries, message('in', 1, 'a\u0000<script>')]).rows()), 900));
    for (const sign of ['<b>', '<script', '\u0000']) expect(svg).not.toContain(sign);
    expect(svg.match(/<polygon/g)).toHaveLength(3);
    const narrow = layoutOf(diagramOf(storeOf(entries).rows()), 320);
    expect(narrow.hasTimes).toBe(false);
    for (const { fromX, toX, shownLabel } of narrow.steps) {
      expect(Math.max(fromX, toX)).toBeLessThanOrEqual(320);
      expect(shownLabel.length * 6.7).toBeLessThanOrEqual(Math.abs(toX - fromX));
    }
  });

  it('shows a part of many rows', () => {
    const { rows } = { rows: storeOf(Array.from({ length: 1200 }, (_, seq) => frame(seq, 'in'))).rows() };
    const part = diagramOf(rows, maxSteps);
    expect(part).toMatchObject({ from: 500, totalCount: 1200 });
    expect(part.steps.map(({ number }) => number)).toEqual(rows.slice(500, 1000).map(({ number }) => number));
    expect(mermaidText(part)).toContain('%% rows 501 to 1000 of 1200');
  });
});

describe('the link of a row', () => {
  const startedAtMs = Date.UTC(2026, 0, 2);
  it('finds it again, also in a file where it has another number', () => {
    const store = storeOf(entries);
    const link = parseRowLink(rowLinkText(store.row(3)!, startedAtMs));
    expect(link).toMatchObject({ number: 3, recordedAtMs: startedAtMs + 14 });
    expect(findRow(link!, { startedAtMs, store })).toBe(store.row(3));
    const later = storeOf(entries.slice(2).map((entry) => ({ ...entry, atMs: entry.atMs - 10 })));
    expect(findRow(link!, { startedAtMs: startedAtMs + 10, store: later })?.number).toBe(1);
    expect(findRow(link!, { startedAtMs: startedAtMs + 1000, store }), 'of another time').toBeUndefined();
  });

  it.each(['', '7', '7.x', '-1.a.b', '1.zzzzzzzzzzzz.1', '1.a.b.c', '1.a.<b>'])('is none: %j', (text) => {
    expect(parseRowLink(text)).toBeUndefined();
  });
});
