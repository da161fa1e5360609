// Proves that the replayer bites: a server made of the recording itself passes, and each change of what it says is noticed.
import { describe, expect, it } from 'vitest';
import type { Carrier, CarrierEnd } from '../helpers/carriers.ts';
import { asObject, isObject, type Json, type JsonObject } from '../helpers/json.ts';
import { compareConnection } from '../../shared/scenario/compare-connection.ts';
import { compareValue, substitute } from '../../shared/scenario/compare.ts';
import { parseScenario, type RecvStep, type Scenario } from '../../shared/scenario/scenario.ts';
import { ours, transports, whyNotOver } from './decisions.ts';
import { replay, type Subject } from './replay.ts';
import { loadTranscripts } from './transcript.ts';

const bindings = new Map([
  ['$TMP', '/tmp/somewhere'],
  ['$HTTP', 'http://127.0.0.1:8000'],
]);
const spoken = new Map([
  ...bindings,
  ['$SESSION', '0af76519-16cd-43dd-8448-eb211c80319c'],
  ['$SESSION2', '1af76519-16cd-43dd-8448-eb211c80319c'],
]);

/** A server that says after each message of the client what the transcript has there, whatever the client said. */
function scripted(transcript: Scenario, change: (line: RecvStep) => Json[] = (line) => [line.msg ?? null]): Subject {
  const carriers = new Map<string, Carrier & { end: (end: CarrierEnd) => void }>();
  const names = ['a', ...transcript.steps.flatMap((step) => (step.dir === 'open' ? [step.conn] : []))];
  let at = 0;
  let exit: (code: number) => void = () => undefined;
  const exitCode = new Promise<number>((resolve) => (exit = resolve));

  const say = (conn: string, message: Json): void => {
    const text = substitute(JSON.stringify(message), spoken).replaceAll('"$MS"', '1700000000000');
    carriers.get(conn)?.onMessage(text);
  };
  /** Goes past the client's step and says everything up to its next one. */
  const onClientStep = (): void => {
    const isClients = (index: number): boolean => {
      const dir = transcript.steps[index]?.dir;
      return dir === 'send' || dir === 'sendBytes' || dir === 'eof';
    };
    while (at < transcript.steps.length && !isClients(at)) at++;
    for (at++; at < transcript.steps.length && !isClients(at); at++) {
      const step = transcript.steps[at];
      if (step?.dir === 'recv') for (const message of change(step)) say(step.conn, message);
      if (step?.dir === 'closed') carriers.get(step.conn)?.end({ code: 1008, reason: 'as recorded' });
      if (step?.dir === 'exit') exit(step.code);
    }
  };
  const open = (): Promise<Carrier> => {
    const name = names[carriers.size] ?? '?';
    let end: (end: CarrierEnd) => void = () => undefined;
    const ended = new Promise<CarrierEnd>((resolve) => (end = resolve));
    let isOpen = true;
    const carrier = {
      kind: 'websocket' as const,
      onMessage: () => undefined,
      ended,
      end,
      sendText: (text: string) => {
        if (text.includes('scenario-end'))
          say(name, { id: 'scenario-end', error: { code: -32601, message: 'unknown' } });
        else onClientStep();
      },
      sendRaw: onClientStep,
      sendBytes: onClientStep,
      unsentBytes: () => 0,
      pause: () => undefined,
      resume: () => undefined,
      drop: () => {
        if (isOpen && transcript.transport === 'stdio') onClientStep();
        isOpen = false;
        end({ code: 1006, reason: '' });
      },
      close: () => Promise.resolve(),
    };
    carriers.set(name, carrier);
    return Promise.resolve(carrier);
  };
  return { open, exitCode };
}

function quick(transcript: Scenario, change?: (line: RecvStep) => Json[]): Promise<string[]> {
  return replay(transcript, scripted(transcript, change), { bindings, deadlineMs: 2, surplusMs: 0 });
}

/** Without the client's pauses: the scripted server needs no time. */
function withoutPauses(transcript: Scenario): Scenario {
  return { ...transcript, steps: transcript.steps.filter((step) => step.dir !== 'sleep') };
}

type Path = readonly (string | number)[];

function leaves(value: Json, path: Path = []): Path[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => leaves(item, [...path, index]));
  if (isObject(value)) return Object.entries(value).flatMap(([name, item]) => leaves(item, [...path, name]));
  return [path];
}

function changed(value: Json, path: Path, change: (leaf: Json) => Json | undefined): Json {
  const [first, ...rest] = path;
  if (first === undefined) return change(value) ?? null;
  if (Array.isArray(value)) {
    return value.map((item, index) => (index === first ? changed(item, rest, change) : item));
  }
  const object = asObject(value);
  const inner = object[String(first)] ?? null;
  const { [String(first)]: _old, ...others } = object;
  if (rest.length === 0) {
    const next = change(inner);
    return next === undefined ? others : { ...others, [first]: next };
  }
  return { ...others, [first]: changed(inner, rest, change) };
}

const otherType = (leaf: Json): Json => (typeof leaf === 'string' && leaf !== '$MS' ? 12 : { was: leaf });
const otherValue = (leaf: Json): Json => {
  if (typeof leaf === 'number') return leaf + 1_000;
  if (typeof leaf === 'boolean') return !leaf;
  if (typeof leaf !== 'string') return 'something';
  // Another text; of the same kind where a placeholder takes any of a kind.
  return /^[A-Za-z0-9+/]+=*$/.test(leaf) ? Buffer.from('other').toString('base64') : `${leaf} and more`;
};

/** What the rules leave open: no difference must be seen there. */
function isFree(transcript: Scenario, line: RecvStep, path: Path, kind: 'type' | 'value' | 'absent'): boolean {
  const name = path.join('.');
  // In merged comparison seq and the way output is cut do not count; optional lines may be missing or be other lines.
  if (transcript.compare === 'merge' && path.at(-1) === 'seq') return true;
  return kind === 'value' && (line.loose.includes(name) || name in line.alt);
}

const transcripts = loadTranscripts()
  .filter((transcript) => transcript.transport !== 'http')
  .map(withoutPauses);

describe('the replayer', () => {
  it.each(transcripts)('passes the recording of $scenario itself', async (transcript) => {
    expect(await quick(transcript)).toEqual([]);
  });

  it.each(transcripts)('notices each changed, missing and repeated member of $scenario', async (transcript) => {
    const unnoticed: string[] = [];
    for (const target of transcript.steps) {
      if (target.dir !== 'recv' || target.optional) continue;
      for (const path of leaves(target.msg ?? null)) {
        for (const [kind, change] of [
          ['type', otherType],
          ['value', otherValue],
          ['absent', () => undefined],
        ] as const) {
          if (isFree(transcript, target, path, kind)) continue;
          const differences = await quick(transcript, (line) => [
            line === target ? changed(line.msg ?? null, path, change) : (line.msg ?? null),
          ]);
          if (differences.length === 0) unnoticed.push(`${kind} of ${path.join('.')} in ${JSON.stringify(target.msg)}`);
        }
      }
    }
    expect(unnoticed).toEqual([]);
  });

  it.each(transcripts)('notices each message of $scenario that is missing or comes twice', async (transcript) => {
    const unnoticed: string[] = [];
    for (const target of transcript.steps) {
      if (target.dir !== 'recv' || target.optional) continue;
      for (const times of [0, 2]) {
        const differences = await quick(transcript, (line) =>
          line === target ? Array<Json>(times).fill(line.msg ?? null) : [line.msg ?? null],
        );
        if (differences.length === 0) unnoticed.push(`${String(times)} times ${JSON.stringify(target.msg)}`);
      }
    }
    expect(unnoticed).toEqual([]);
  });

  it('notices a connection that the server should have ended and did not', async () => {
    const fatal = transcripts.find(({ scenario }) => scenario === '07-fatal-initialized-first');
    if (!fatal) throw new Error('session 07 is missing');
    const patient = { ...fatal, steps: fatal.steps.filter((step) => step.dir !== 'closed') };
    const options = { bindings, deadlineMs: 2, surplusMs: 0 };
    expect(await replay(fatal, scripted(patient), options)).toEqual(['the server should have ended the connection']);
  });

  it('notices a connection that ends without a close frame where one is expected', async () => {
    const fatal = transcripts.find(({ scenario }) => scenario === '07-fatal-initialized-first');
    if (!fatal) throw new Error('session 07 is missing');
    const subject = scripted(fatal);
    const rude: Subject = {
      open: async () => {
        const carrier = await subject.open();
        return { ...carrier, ended: carrier.ended.then(() => ({ code: 1006, reason: '' })) };
      },
    };
    const options = { bindings, deadlineMs: 2, surplusMs: 0, expectsCloseFrame: true };
    expect(await replay(fatal, rude, options)).toEqual(['the connection should end with a close frame']);
  });

  it('notices an exit code that differs', async () => {
    const stdio = transcripts.find(({ scenario }) => scenario === '60-stdio');
    if (!stdio) throw new Error('session 60 is missing');
    const subject: Subject = { ...scripted(stdio), exitCode: Promise.resolve(1) };
    const differences = await replay(stdio, subject, { bindings, deadlineMs: 2, surplusMs: 0 });
    expect(differences).toEqual(['the exit code should be 0, is 1']);
  });
});

describe('the comparison', () => {
  const line = { loose: [], alt: {} };
  const rules = (compare: 'exact' | 'merge') => ({ compare, answers: 'ordered' as const });

  it('allows members beyond the recorded ones, at every depth', () => {
    expect(compareValue({ a: { b: 1 } }, { a: { b: 1, c: 2 }, d: 3 }, line, new Map())).toEqual([]);
  });

  it('does not take the id "1" for the id 1', () => {
    expect(compareValue({ id: 1 }, { id: '1' }, line, new Map())).toEqual([
      { path: 'id', text: 'id should be 1, is "1"' },
    ]);
  });

  it('takes a listing in any order, and no other array', () => {
    const a = { fileName: 'a' };
    const b = { fileName: 'b' };
    expect(compareValue({ entries: [a, b] }, { entries: [b, a] }, line, new Map())).toEqual([]);
    expect(compareValue({ list: [a, b] }, { list: [b, a] }, line, new Map())).toHaveLength(2);
  });

  it('binds a session id once and wants another for another session', () => {
    const bound = new Map<string, string>();
    const id = '0af76519-16cd-43dd-8448-eb211c80319c';
    expect(compareValue('$SESSION', id, line, bound)).toEqual([]);
    expect(compareValue('$SESSION', id, line, bound)).toEqual([]);
    expect(compareValue('$SESSION2', id, line, bound)).toHaveLength(1);
    expect(compareValue('$SESSION3', 'no uuid', line, bound)).toHaveLength(1);
  });

  it('wants answers in the order of the requests', () => {
    const recv = (msg: JsonObject): RecvStep => ({
      dir: 'recv',
      line: 1,
      conn: 'a',
      msg,
      ...line,
      optional: false,
      quirk: false,
    });
    const recorded = [recv({ id: 1, result: {} }), recv({ id: 2, result: {} })];
    const swapped = [
      { id: 2, result: {} },
      { id: 1, result: {} },
    ];
    expect(compareConnection(recorded, swapped, rules('exact'), new Map())).toHaveLength(2);
  });

  it('sorts the events of a process by seq, and merges output only where the recording says so', () => {
    const event = (method: string, seq: number, more: JsonObject): JsonObject => ({
      method,
      params: { processId: 'p', seq, ...more },
    });
    const text = (value: string): JsonObject => ({ stream: 'stdout', chunk: Buffer.from(value).toString('base64') });
    const recorded = [
      event('process/output', 1, text('ab')),
      event('process/exited', 2, { exitCode: 0 }),
      event('process/closed', 3, {}),
    ].map((msg): RecvStep => ({ dir: 'recv', line: 1, conn: 'a', msg, ...line, optional: false, quirk: false }));
    const late = [
      event('process/exited', 2, { exitCode: 0 }),
      event('process/output', 1, text('ab')),
      event('process/closed', 3, {}),
    ];
    expect(compareConnection(recorded, late, rules('exact'), new Map())).toEqual([]);
    const cut = [
      event('process/output', 1, text('a')),
      event('process/output', 2, text('b')),
      event('process/exited', 3, { exitCode: 0 }),
      event('process/closed', 4, {}),
    ];
    expect(compareConnection(recorded, cut, rules('merge'), new Map())).toEqual([]);
    expect(compareConnection(recorded, cut, rules('exact'), new Map())).not.toEqual([]);
    const openEnd = [cut[0], cut[1], event('process/exited', 4, { exitCode: 0 }), event('process/closed', 3, {})];
    expect(
      compareConnection(
        recorded,
        openEnd.filter((message) => message !== undefined),
        rules('merge'),
        new Map(),
      ),
    ).not.toEqual([]);
  });
});

describe('the tables of decisions', () => {
  it('plays every session over at least one transport', () => {
    for (const { scenario } of loadTranscripts()) {
      expect(transports.filter((transport) => whyNotOver(transport, scenario) === undefined)).not.toEqual([]);
    }
  });

  it('changes something in each session that holds a quirk', () => {
    for (const transcript of loadTranscripts()) {
      const hasQuirk = transcript.quirk || transcript.steps.some((step) => step.dir === 'recv' && step.quirk);
      if (hasQuirk) expect(ours(transcript, 'serve').steps).not.toEqual(transcript.steps);
    }
  });

  it('refuses a transcript line that it does not know', () => {
    const meta = '{"dir":"meta","scenario":"x","about":"","source":"","compare":"exact"}';
    expect(() => parseScenario(`${meta}\n{"dir":"jump"}`)).toThrow('unknown line');
    expect(() => parseScenario('{"dir":"send","msg":1}')).toThrow('meta line');
  });
});
