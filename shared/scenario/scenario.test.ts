// Reading scenarios and making them of recordings; what playing and comparing notice is proven by tests/golden/replay.test.ts.
import { describe, expect, it } from 'vitest';
import { connectionPair } from '../connection/memory.ts';
import type { WireEntry } from '../recording/entry.ts';
import { differenceText } from './compare-connection.ts';
import { scenarioFromRecording } from './from-recording.ts';
import { runScenario, scenarioLink } from './run.ts';
import { parseScenario } from './scenario.ts';

const meta = '{"dir":"meta","scenario":"x"}';

describe('a scenario that is read', () => {
  it.each([
    ['', 'meta line'],
    ['{"dir":"send","msg":1}', 'meta line'],
    [`${meta}\n\n{"dir":"send"`, 'line 3 of the scenario: no JSON'],
    [`${meta}\n{"dir":"jump"}`, 'line 2 of the scenario: unknown line'],
    [`${meta}\n{"dir":"send"}`, 'line 2 of the scenario: send needs'],
    [`${meta}\n{"dir":"recv"}`, 'line 2 of the scenario: recv needs'],
    [`${meta}\n{"dir":"sleep","ms":-1}`, 'line 2'],
    [`${meta}\n{"dir":"send","rawBase64":"%"}`, 'no base64'],
  ])('is refused by line: %j', (text, why) => {
    expect(() => parseScenario(text)).toThrow(why);
  });
});

/** A server that answers each request with its number, and the id of its session. */
function answering(sessionId: string) {
  const [ours, theirs] = connectionPair();
  theirs.open({
    onMessage: (text) => {
      const { id, method } = JSON.parse(text) as { id?: number; method: string };
      if (id !== undefined) theirs.send(JSON.stringify({ id, result: { sessionId, method, clock: Math.random() } }));
    },
    onWritable: () => undefined,
    onClose: () => undefined,
  });
  return scenarioLink(ours);
}

const session = (digit: string) => `${digit}af76519-16cd-43dd-8448-eb211c80319c`;
const message = (dir: 'out' | 'in', value: unknown): WireEntry => ({
  kind: 'message',
  dir,
  connection: 'c1',
  atMs: 0,
  text: JSON.stringify(value),
});

describe('a recording that is played', () => {
  const entries = [
    message('out', { id: 1, method: 'initialize', params: {} }),
    message('in', { id: 1, result: { sessionId: session('0'), environmentInfo: { cwd: '/' } } }),
    message('out', { id: 2, method: 'a' }),
    message('out', { id: 3, method: 'b' }),
    message('in', { id: 3, result: { method: 'b' } }),
    message('in', { id: 2, result: { method: 'a' } }),
  ];

  it('fits a server with another session id, and answers in another order', async () => {
    const scenario = scenarioFromRecording({ startedAt: new Date(), entries });
    const peer = { open: () => Promise.resolve(answering(session('1'))) };
    const differences = await runScenario(scenario, peer, { surplusMs: 0 });
    expect(differences).toEqual([]);
  });

  it('tells what differs by the line of the recording', async () => {
    const other = [...entries.slice(0, 5), message('in', { id: 2, result: { method: 'c' } })];
    const scenario = scenarioFromRecording({ startedAt: new Date(), entries: other });
    const peer = { open: () => Promise.resolve(answering(session('1'))) };
    const differences = await runScenario(scenario, peer, { surplusMs: 0 });
    expect(differences.map(differenceText)).toEqual(['line 7: answer 2: result.method should be "c", is "a"']);
  });

  it('is refused when it holds relay frames only', () => {
    const frame: WireEntry = { kind: 'frame', dir: 'in', connection: 'c', atMs: 0, bytes: new Uint8Array([1]) };
    expect(() => scenarioFromRecording({ startedAt: new Date(), entries: [frame] })).toThrow('only relay frames');
  });
});
