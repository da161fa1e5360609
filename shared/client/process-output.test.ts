import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProcessOutput, type OrderedEvent, type ProcessEvent, type ReadState } from './process-output.ts';

const output = (seq: number): ProcessEvent => ({ kind: 'output', seq, stream: 'stdout', base64: btoa(String(seq)) });
const exited = (seq: number, exitCode = 0): ProcessEvent => ({ kind: 'exited', seq, exitCode });
const closed = (seq: number): ProcessEvent => ({ kind: 'closed', seq });
const chunk = (seq: number) => ({ seq, stream: 'stdout' as const, chunk: btoa(String(seq)) });
const read = (seqs: readonly number[], state: Partial<ReadState> = {}): ReadState => ({
  chunks: seqs.map(chunk),
  exited: false,
  exitCode: null,
  closed: false,
  ...state,
});

function brief(events: readonly OrderedEvent[]): string[] {
  return events.map((event) => {
    if (event.kind === 'lost') return `lost ${event.fromSeq}-${event.toSeq}`;
    return event.kind === 'output' ? String(event.seq) : event.kind;
  });
}

describe('ProcessOutput', () => {
  it('hands on what comes in order at once', () => {
    const order = new ProcessOutput();
    expect([output(1), output(2), exited(3), closed(4)].map((event) => brief(order.push(event)))).toEqual([
      ['1'],
      ['2'],
      ['exited'],
      ['closed'],
    ]);
  });

  it('puts an event that overtook another behind it', () => {
    const order = new ProcessOutput();
    expect(brief(order.push(exited(2)))).toEqual([]);
    expect(order.hasGap).toBe(true);
    expect(brief(order.push(output(1)))).toEqual(['1', 'exited']);
    expect(order.hasGap).toBe(false);
  });

  it('goes on with output after exited', () => {
    const order = new ProcessOutput();
    expect(brief([exited(1), output(2), closed(3)].flatMap((event) => order.push(event)))).toEqual([
      'exited',
      '2',
      'closed',
    ]);
  });

  it('drops what it has seen', () => {
    const order = new ProcessOutput();
    order.push(output(1));
    expect(order.push(output(1))).toEqual([]);
    expect(order.fill(read([1]))).toEqual([]);
  });

  it('fills a gap from a read, and says what the server did not keep', () => {
    const order = new ProcessOutput();
    order.push(output(1));
    order.push(output(9));
    expect(brief(order.fill(read([5, 6, 7, 8, 9])))).toEqual(['lost 2-4', '5', '6', '7', '8', '9']);
  });

  it('takes the end from a read when nobody pushed it', () => {
    const order = new ProcessOutput();
    order.push(output(1));
    expect(brief(order.fill(read([2, 3], { exited: true, exitCode: 3, closed: true })))).toEqual([
      '2',
      '3',
      'exited',
      'closed',
    ]);
  });

  it('allows for the number that exited took', () => {
    const order = new ProcessOutput();
    // exited was 2; a read does not tell its number.
    expect(brief(order.fill(read([1, 3], { exited: true, exitCode: 0 })))).toEqual(['1', 'exited', '3']);
  });

  it('keeps what was pushed and evicted since', () => {
    const order = new ProcessOutput();
    order.push(output(4));
    expect(brief(order.fill(read([8])))).toEqual(['lost 1-3', '4', 'lost 5-7', '8']);
    expect(order.hasGap).toBe(false);
  });

  it('takes closed for the end once, when it overtook an exited that got lost', () => {
    const order = new ProcessOutput();
    order.push(closed(2));
    expect(brief(order.fill(read([], { exited: true, exitCode: 0, closed: true })))).toEqual(['exited', 'closed']);
  });

  /** Seeds and the failing steps are printed by fast-check. */
  it('delivers every output once and in order, or says that it is lost, whatever is dropped, repeated or reordered', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.constant('write') },
      { weight: 6, arbitrary: fc.constant('receive') },
      { weight: 1, arbitrary: fc.constant('swap') },
      { weight: 1, arbitrary: fc.constant('repeat') },
      { weight: 1, arbitrary: fc.constant('cut') },
      { weight: 1, arbitrary: fc.constant('read') },
    );
    fc.assert(
      fc.property(
        fc.record({
          outputs: fc.integer({ min: 0, max: 30 }),
          exitedAt: fc.integer({ min: 1, max: 31 }),
          kept: fc.integer({ min: 1, max: 40 }),
          tellsLoss: fc.boolean(),
          steps: fc.array(step, { maxLength: 150 }),
        }),
        ({ outputs, exitedAt, kept, tellsLoss, steps }) => {
          const model = new ServerModel(outputs, Math.min(exitedAt, outputs + 1), kept, tellsLoss);
          const order = new ProcessOutput();
          const delivered: OrderedEvent[] = [];
          let wire: (ProcessEvent | ReadState)[] = [];
          let isReading = false;
          const ask = () => {
            isReading = true;
            wire.push(model.read(order.lastSeq));
          };
          const receive = () => {
            const message = wire.shift();
            if (!message) return;
            if ('kind' in message) delivered.push(...order.push(message));
            else {
              isReading = false;
              delivered.push(...order.fill(message));
            }
            if (order.hasGap && !isReading) ask();
          };
          for (const name of steps) {
            if (name === 'write') wire.push(...model.write());
            else if (name === 'receive') receive();
            else if (name === 'read' && !isReading) ask();
            else if (name === 'cut') {
              wire = [];
              ask();
            } else {
              const [first, second] = wire;
              // Notifications may overtake each other or be repeated; an answer stays in its place.
              if (!first || !second || !('kind' in first) || !('kind' in second)) continue;
              if (name === 'swap') wire.splice(0, 2, second, first);
              else wire.splice(2, 0, first);
            }
          }
          while (!model.isOver) wire.push(...model.write());
          while (wire.length > 0) receive();
          if (delivered.at(-1)?.kind !== 'closed') {
            ask();
            while (wire.length > 0) receive();
          }
          model.check(delivered);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

/** A server that is slow and obvious: all events in a list, the newest outputs kept. */
class ServerModel {
  readonly #events: ProcessEvent[] = [];
  #count = 0;

  constructor(
    private readonly outputs: number,
    exitedAt: number,
    private readonly kept: number,
    private readonly tellsLoss: boolean,
  ) {
    for (let seq = 1; seq <= outputs + 1; seq++) this.#events.push(seq === exitedAt ? exited(seq, 7) : output(seq));
    this.#events.push(closed(outputs + 2));
  }

  get isOver(): boolean {
    return this.#count === this.#events.length;
  }

  write(): ProcessEvent[] {
    return this.isOver ? [] : this.#events.slice(this.#count, ++this.#count);
  }

  read(afterSeq: number): ReadState {
    const soFar = this.#events.slice(0, this.#count);
    const written = soFar.filter(({ kind, seq }) => kind === 'output' && seq > afterSeq);
    const retained = written.slice(-this.kept);
    const hasLost = this.tellsLoss ? retained.length < written.length : undefined;
    const hasExited = soFar.some(({ kind }) => kind === 'exited');
    return read(
      retained.map(({ seq }) => seq),
      { exited: hasExited, exitCode: hasExited ? 7 : null, closed: this.isOver, hasLost },
    );
  }

  check(delivered: readonly OrderedEvent[]): void {
    const expectedSeqs = this.#events.filter(({ kind }) => kind === 'output').map(({ seq }) => seq);
    const seqs = delivered.flatMap((event) => (event.kind === 'output' ? [event.seq] : []));
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
    const lost = delivered.flatMap((event) =>
      event.kind === 'lost'
        ? Array.from({ length: event.toSeq - event.fromSeq + 1 }, (_, at) => event.fromSeq + at)
        : [],
    );
    // Without that knowledge one lost output may pass for the number that exited took.
    const untold = expectedSeqs.filter((seq) => !seqs.includes(seq) && !lost.includes(seq));
    expect(untold.length).toBeLessThanOrEqual(this.tellsLoss || this.kept >= this.outputs ? 0 : 1);
    expect(seqs.filter((seq) => lost.includes(seq))).toEqual([]);
    if (this.kept >= this.outputs) expect(lost).toEqual([]);
    expect(delivered.filter(({ kind }) => kind === 'exited')).toMatchObject([{ exitCode: 7 }]);
    expect(delivered.filter(({ kind }) => kind === 'closed')).toHaveLength(1);
    expect(delivered.at(-1)?.kind).toBe('closed');
  }
}
